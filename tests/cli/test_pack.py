"""``stvsr pack`` makes a file to train from."""

from pathlib import Path

from made_clips import make_film
from stvsr.data.pack import open_pack


def test_a_folder_of_films_becomes_one_file_with_its_sizes_told(stvsr, tmp_path: Path):
    (tmp_path / "films").mkdir()
    make_film(tmp_path / "films" / "a.mp4", size=(96, 64))
    target = tmp_path / "a.pack"
    run = stvsr("pack", tmp_path / "films", target, "--clips", 3, "--frames", 5, "--size", 32, "--json")
    assert run.json == {
        "pack": str(target),
        "clips": 3,
        "bytes": target.stat().st_size,
        "raw_bytes": 3 * 5 * 32 * 32 * 3,
    }
    clips = open_pack(target).clips
    assert [len(clip) for clip in clips] == [5, 5, 5]
    assert {clip.origin.film for clip in clips} == {"a.mp4"}
    refused = stvsr("pack", tmp_path / "films", target, "--json")
    assert refused.code == 1
    assert "exists already" in refused.json["error"]["message"]
