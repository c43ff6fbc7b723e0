"""Footage tables become shots: cut where the table says, cropped, shrunk by quality."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from stvsr.data.footage import read_footage
from stvsr.errors import TrainingError

HEADER = "file,quality,shots,crop\n"


def clip(path: Path, *, frames: int = 20, height: int = 64, width: int = 96) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, "bgr0"
        for number in range(frames):
            picture = np.full((height, width, 3), number * 10, np.uint8)
            picture[:, width // 2 :] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())
    return path


def table(folder: Path, quality: int, shots: list[list[int]], crop: str = "") -> None:
    (folder / "footage.csv").write_text(HEADER + f'train/a.mkv,{quality},"{json.dumps(shots)}","{crop}"\n')


def test_shots_are_cut_where_the_table_says_and_short_ones_left_out(tmp_path: Path):
    clip(tmp_path / "train" / "a.mkv")
    table(tmp_path, 5, [[0, 8], [8, 11], [11, 20]])
    first, second = read_footage(tmp_path)
    assert (len(first.frames), len(second.frames)) == (8, 9)
    assert second.frames[:, 0, 0, 0].tolist() == [10 * number for number in range(11, 20)]
    assert (first.name, second.name) == ("a.mkv:0", "a.mkv:2")


@pytest.mark.parametrize(("quality", "size"), [(5, (64, 96)), (4, (32, 48)), (3, (32, 48))])
def test_damaged_clips_are_shrunk_and_sizes_are_multiples_of_8(tmp_path: Path, quality: int, size: tuple[int, int]):
    clip(tmp_path / "train" / "a.mkv")
    table(tmp_path, quality, [[0, 20]])
    assert read_footage(tmp_path)[0].frames.shape == (20, 3, *size)


def test_the_crop_box_keeps_the_left_half(tmp_path: Path):
    clip(tmp_path / "train" / "a.mkv")
    table(tmp_path, 5, [[0, 20]], "[0, 0, 48, 64]")
    shot = read_footage(tmp_path)[0]
    assert shot.frames.shape[-1] == 48
    assert shot.frames[5].float().std() == 0


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda _: None, "no footage.csv"),
        (lambda folder: table(folder, 5, [[0, 20]]), "not there"),
        (
            lambda folder: (clip(folder / "train" / "a.mkv", frames=3), table(folder, 5, [[0, 3]])),
            "no shot of at least",
        ),
        (
            lambda folder: (
                (folder / "train").mkdir(),
                (folder / "train" / "a.mkv").write_text("x"),
                table(folder, 5, [[0, 20]]),
            ),
            "decoded",
        ),
    ],
)
def test_bad_data_is_a_clear_error(tmp_path: Path, prepare, words: str):
    prepare(tmp_path)
    with pytest.raises(TrainingError, match=words):
        read_footage(tmp_path)
