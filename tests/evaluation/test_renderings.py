"""Frames that another program rendered are scored as if the network had rendered them here."""

import shutil
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from stvsr.clip import Frame
from stvsr.data.degrade import shrink
from stvsr.errors import InputError, OutputError
from stvsr.evaluation.clips import read_clip
from stvsr.evaluation.measure import evaluate_suite
from stvsr.evaluation.protocol import Sampling, Task, make_task
from stvsr.evaluation.renderings import rendered_before, write_inputs
from stvsr.evaluation.suites import SUITES
from stvsr.inference import Target
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.run import enhance
from stvsr.networks import NETWORKS
from stvsr.video import VideoWriter, WriteSettings, probe

from .conftest import moving_texture, write_pictures


def smooth_film(count: int = 8) -> torch.Tensor:
    """Soft blobs that drift: nothing that looks like a cut."""
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    waves = [torch.sin((x + i / 5) / 7) * torch.cos((y - i / 5) / 5) for i in range(count)]
    return torch.stack([128 + 40 * torch.stack([wave, wave.flip(0), wave.flip(1)]) for wave in waves]).to(torch.uint8)


@pytest.mark.parametrize(
    ("task", "target"),
    [
        (make_task(), Target(factor=2)),
        (make_task(scale=2, times=4), Target(factor=4)),
        (make_task("space"), Target(factor=1)),
        (make_task("time"), Target(factor=2)),
    ],
)
def test_what_enhance_writes_scores_as_what_the_network_renders(tmp_path: Path, task: Task, target: Target):
    write_pictures(tmp_path / "data/drift", smooth_film())
    write_inputs(SUITES["folder"], tmp_path / "data", task, tmp_path / "small")
    settings = EnhanceSettings(network="bicubic", scale=task.scale, target=target)
    (tmp_path / "rendered").mkdir()
    enhance(tmp_path / "small/drift", f"{tmp_path}/rendered/drift/", settings)
    networks = [("bicubic", NETWORKS["bicubic"](scale=task.scale))]
    here, there = evaluate_suite(
        "folder", tmp_path / "data", networks, task=task, frames=[tmp_path / "rendered"]
    ).results
    assert there.network == str(tmp_path / "rendered")
    assert there.parameters is None
    assert there.scores.psnr_y == pytest.approx(here.scores.psnr_y, abs=0.01)
    assert there.scores.ssim_y == pytest.approx(here.scores.ssim_y, abs=1e-4)
    assert there.scores.psnr_y < 70


def test_inputs_are_the_key_frames_shrunk(tmp_path: Path):
    film = smooth_film()
    write_pictures(tmp_path / "data/drift", film[..., :46, :62])
    assert write_inputs(SUITES["folder"], tmp_path / "data", make_task(), tmp_path / "small") == 4
    small = torch.stack(list(read_clip(tmp_path / "small/drift")))
    assert torch.equal(small.float() / 255, shrink(film[::2, :, :44, :60].float() / 255, 4))
    with pytest.raises(OutputError, match="not an empty folder"):
        write_inputs(SUITES["folder"], tmp_path / "data", make_task(), tmp_path / "small")


def test_long_clips_of_a_folder_end_after_200_frames(tmp_path: Path):
    write_pictures(tmp_path / "data/still", moving_texture(1, 4, 4).expand(203, -1, -1, -1))
    assert write_inputs(SUITES["folder"], tmp_path / "data", make_task("space"), tmp_path / "small") == 200


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(2, "all"), slice(0, 7)),
        (Sampling(2, "all"), slice(0, 8)),
        (Sampling(2, "between"), slice(0, 7)),
        (Sampling(2, "between"), slice(1, 7, 2)),
        (Sampling(2, "first"), slice(0, 7)),
        (Sampling(2, "first"), slice(0, 8, 2)),
        (Sampling(2, "first"), slice(0, 1)),
        (Sampling(1, "all"), slice(0, 8)),
    ],
)
def test_all_frames_may_lie_there_or_only_those_that_are_scored(tmp_path: Path, sampling: Sampling, kept: slice):
    film = smooth_film()
    write_pictures(tmp_path / "given/drift", film[kept])
    paths = (tmp_path / "unread",) * 8
    rendering = rendered_before(tmp_path / "given", "drift", paths, sampling)
    scored = [i for i in range(sampling.used(8)) if sampling.counts(i)]
    first, rest = scored[:1], scored[1:]
    truth = film.float() / 255
    assert torch.equal(rendering(truth, first), truth[first])
    if rest:
        assert torch.equal(rendering(truth, rest), truth[rest])


def test_a_video_is_as_good_as_a_folder(tmp_path: Path):
    film = smooth_film(7)
    write_pictures(tmp_path / "given/pictures", film)
    with VideoWriter(
        tmp_path / "given/drift.mkv",
        WriteSettings(codec="ffv1"),
        probe(tmp_path / "given/pictures"),
        time_base=Fraction(1, 24),
        rate=Fraction(24),
    ) as writer:
        for i, image in enumerate(film):
            writer.write(Frame(image=image.float() / 255, time=Fraction(i, 24), duration=Fraction(1, 24)))
    shutil.rmtree(tmp_path / "given/pictures")
    rendering = rendered_before(tmp_path / "given", "drift.mp4", (tmp_path,) * 7, Sampling(2, "all"))
    truth = film.float() / 255
    assert torch.allclose(rendering(truth, [0, 1, 2]), truth[:3], atol=1.5 / 255)


def test_frames_that_do_not_fit_are_named(tmp_path: Path):
    write_pictures(tmp_path / "given/drift", smooth_film(5))
    paths, x2 = (tmp_path,) * 8, Sampling(2, "between")
    with pytest.raises(InputError, match=r"drift holds 5 frames.*has 7 from.*only the 3 that are scored"):
        rendered_before(tmp_path / "given", "drift", paths, x2)
    with pytest.raises(InputError, match=r"no frames of walk.*walk\.mkv"):
        rendered_before(tmp_path / "given", "walk", paths, x2)
    rendering = rendered_before(tmp_path / "given", "drift", paths[:5], x2)
    with pytest.raises(InputError, match=r"are 64x48, but those of drift.*are 32x24.*--inputs"):
        rendering(moving_texture(5, 24, 32).float() / 255, [1])
