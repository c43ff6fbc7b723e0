"""Every command: what its JSON holds, what its reader sees, and that its options change only on purpose."""

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from made_clips import MADE_CLIPS
from stvsr.cli.main import app
from stvsr.networks import NETWORKS
from stvsr.video import probe

OPTIONS = {
    "enhance": "allow_untrained cluster codec deinterlace device drop_duplicates fps height json keep_fps network "
    "overwrite passes precision quality restart runtime scale segment slow_motion source target tile times weights",
    "plan": "allow_untrained codec deinterlace device drop_duplicates fps height json keep_fps network overwrite "
    "passes precision quality runtime scale segment slow_motion source target tile times weights",
    "redo": "film json network overwrite source start target weights",
    "batch": "allow_untrained codec deinterlace device drop_duplicates fps height json keep_fps network overwrite "
    "passes precision quality restart runtime scale segment slow_motion sources tile times to weights",
    "inspect": "json source",
    "verify": "film json source",
    "networks": "json",
    "weights list": "json",
    "weights check": "files json",
    "weights import": "json replace source",
    "weights fetch": "digest json replace url",
    "evaluate": "allow_untrained data device figures fit_niqe frames inputs json lpips mode network niqe passes "
    "precision scale speed suite table temporal times two_stage weights without",
    "bench": "device json network precision scale size",
    "train": "compiled data dry_run initial json minutes name out overfit processes settings",
    "pack": "clips crf data frames json seed size target",
    "export": "allow_untrained format frames json network out scale size times weights",
    "service": "allow folder host keep_free max_upload no_token port token_file workers",
    "serve": "folder host keep_free max_upload port token_file workers",
    "preview": "device json network output precision scale shots source times",
    "doctor": "json",
}


def test_the_options_are_these():
    commands = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    found = {
        f"{name} {inner}".strip(): " ".join(sorted(parameter.name.removeprefix("as_") for parameter in each.params))
        for name, command in commands.items()
        for inner, each in getattr(command, "commands", {"": command}).items()
    }
    assert found == OPTIONS


def test_enhance_makes_a_film_beside_its_source_and_says_so(stvsr: Callable, tmp_path: Path):
    source = MADE_CLIPS["plain"](tmp_path)
    run = stvsr("enhance", source, "--scale", "2", "--network", "bicubic", "--json")
    assert run.code == 0
    result = run.json
    assert result["output"] == str(tmp_path / "plain.x2.48fps.mp4")
    assert (result["frames_in"], result["frames_out"], result["network"]) == (24, 48, "bicubic")
    assert result["seconds"] > 0
    assert result["verify"]["ok"]
    assert {"name", "ok", "expected", "got"} == set(result["verify"]["checks"][0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain.mp4", "plain.x2.48fps.mp4"]


@pytest.mark.parametrize(
    ("options", "name", "frames", "rate"),
    [
        (("--keep-fps",), "plain.x1.24fps.mp4", 24, Fraction(24)),
        (("--times", "3"), "plain.x1.72fps.mp4", 72, Fraction(72)),
        (("--fps", "59.94"), "plain.x1.59.9401fps.mp4", 60, Fraction(60000, 1001)),
        (("--fps", "25"), "plain.x1.25fps.mp4", 25, Fraction(25)),
        (("--slow-motion", "2"), "plain.x1.24fps.slow2.mp4", 48, Fraction(24)),
    ],
)
def test_the_rate_that_is_asked_for_is_made(
    stvsr: Callable, tmp_path: Path, options: tuple[str, ...], name: str, frames: int, rate: Fraction
):
    source = MADE_CLIPS["plain"](tmp_path)
    run = stvsr("enhance", source, "--scale", "1", "--network", "bicubic", "--json", *options)
    assert run.code == 0, run.err
    info = probe(run.json["output"], thorough=True)
    assert Path(run.json["output"]).name == name
    assert (info.frame_count, info.average_rate) == (frames, rate)


@pytest.mark.parametrize(("height", "size"), [(100, (134, 100)), (30, (40, 30))])
def test_a_height_that_no_scale_gives_is_met_exactly(
    stvsr: Callable, tmp_path: Path, height: int, size: tuple[int, int]
):
    source, target = MADE_CLIPS["plain"](tmp_path), tmp_path / "out.mkv"
    run = stvsr("enhance", source, target, "--height", height, "--keep-fps", "--network", "bicubic")
    assert run.code == 0, run.err
    info = probe(target)
    assert (info.width, info.height) == size


def test_a_height_means_the_picture_as_it_is_shown(stvsr: Callable, tmp_path: Path):
    source, target = MADE_CLIPS["rotated"](tmp_path), tmp_path / "out.mp4"
    assert stvsr("enhance", source, target, "--height", "128", "--keep-fps", "--network", "bicubic").code == 0
    info = probe(target)
    assert (info.width, info.height, info.rotation) == (128, 96, 90)


def test_pictures_in_and_pictures_out(stvsr: Callable, tmp_path: Path):
    source = MADE_CLIPS["pictures"](tmp_path)
    run = stvsr("enhance", source, f"{tmp_path}/out/", "--scale", "2", "--network", "bicubic", "--json")
    assert run.code == 0, run.err
    assert len(list((tmp_path / "out").iterdir())) == run.json["frames_out"] == 24
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pictures"]


def test_without_json_stdout_stays_empty_and_no_bar_is_drawn(stvsr: Callable, tmp_path: Path):
    run = stvsr("enhance", MADE_CLIPS["one_frame"](tmp_path), "--network", "bicubic")
    assert run.code == 0
    assert run.out == ""
    assert "checks passed" in run.err
    assert "━" not in run.err


def test_the_fallback_to_bicubic_is_said_aloud(stvsr: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stvsr.weights.catalog.FOLDER", tmp_path)
    run = stvsr("enhance", MADE_CLIPS["one_frame"](tmp_path), "--json")
    assert run.json["network"] == "bicubic"
    assert "no trained weights for unison-s" in run.err
    assert any("no trained weights" in note for note in run.json["notes"])


def test_random_weights_are_only_used_on_request_and_said_aloud(
    stvsr: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stvsr.weights.catalog.FOLDER", tmp_path)
    source = MADE_CLIPS["one_frame"](tmp_path)
    refused = stvsr("enhance", source, "--network", "unison-s", "--json")
    assert refused.code == 1
    assert "--allow-untrained" in refused.json["error"]["message"]
    made = stvsr("enhance", source, "--network", "unison-s", "--allow-untrained", "--json")
    assert made.code == 0, made.err
    assert any("RANDOM" in note for note in made.json["notes"])
    assert "RANDOM" in made.err


def test_inspect_tells_the_facts(stvsr: Callable, tmp_path: Path):
    source = MADE_CLIPS["talkie"](tmp_path)
    facts = stvsr("inspect", source, "--json").json
    assert (facts["width"], facts["height"], facts["frame_count"], facts["average_rate"]) == (64, 48, 24, 24.0)
    assert [stream["kind"] for stream in facts["streams"]] == ["audio", "audio", "subtitle", "attachment"]
    text = stvsr("inspect", source)
    assert text.code == 0
    assert "64x48" in text.out


def test_verify_passes_what_was_made_and_fails_what_was_not(stvsr: Callable, tmp_path: Path):
    source = MADE_CLIPS["late_start"](tmp_path)
    made = stvsr("enhance", source, "--scale", "1", "--network", "bicubic", "--json").json["output"]
    assert stvsr("verify", made, source).code == 0
    other = MADE_CLIPS["anamorphic"](tmp_path)
    run = stvsr("verify", other, source, "--json")
    assert run.code == 1
    assert not run.json["ok"]
    assert {check["name"] for check in run.json["checks"] if not check["ok"]} == {"pixel aspect", "sound tracks"}


def test_networks_lists_them_all_with_their_cost(stvsr: Callable):
    rows = stvsr("networks", "--json").json["networks"]
    assert [row["name"] for row in rows] == list(NETWORKS)
    facts = {"name", "paper", "scales", "instants", "weights"}
    costs = {"parameters", "parameters_training", "macs", "macs_with_deformable"}
    assert all(set(row) == facts | costs for row in rows)
    assert rows[0]["weights"] is None
    assert rows[1]["parameters"] > 0 < rows[1]["macs"]


def test_evaluate_measures_a_folder_of_clips(stvsr: Callable, tmp_path: Path):
    (tmp_path / "data").mkdir()
    shutil.move(MADE_CLIPS["plain"](tmp_path), tmp_path / "data")
    run = stvsr("evaluate", "folder", "--data", tmp_path / "data", "--network", "bicubic", "--scale", "2", "--json")
    assert run.code == 0, run.err
    assert (run.json["mode"], run.json["scale"], run.json["times"], run.json["protocol"]) == ("space-time", 2, 2, 1)
    (result,) = run.json["results"]
    scores = {"psnr_y", "ssim_y", "psnr_y_key", "psnr_y_interpolated", "psnr_rgb", "ie", "ssim_across_colours"}
    scores |= {"niqe", "lpips", "tof", "warping_error", "flicker", "psnr_moving"}
    assert set(result) == {"network", "clips", "parameters", "macs", "seconds_per_output_frame"} | scores
    assert set(result["clips"]["plain.mp4"]) == scores
    assert result["psnr_y_key"] > result["psnr_y_interpolated"] > 15


def test_evaluate_scores_the_frames_that_enhance_wrote_from_its_inputs(stvsr: Callable, tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "rendered").mkdir()
    shutil.move(MADE_CLIPS["plain"](tmp_path), tmp_path / "data")
    suite = ("evaluate", "folder", "--data", tmp_path / "data", "--mode", "space", "--scale", "2")
    written = stvsr(*suite, "--inputs", tmp_path / "small")
    assert (written.code, written.out) == (0, "")
    assert "24 small key frames" in written.err
    small, large = tmp_path / "small/plain.mp4", tmp_path / "rendered/plain"
    assert stvsr("enhance", small, f"{large}/", "--scale", "2", "--keep-fps", "--network", "bicubic").code == 0
    run = stvsr(*suite, "--network", "bicubic", "--frames", tmp_path / "rendered", "--json")
    assert run.code == 0, run.err
    here, there = run.json["results"]
    assert abs(here["psnr_y"] - there["psnr_y"]) < 0.01
    assert there["network"] == str(tmp_path / "rendered")


def test_evaluate_measures_two_stages_in_either_order(stvsr: Callable, tmp_path: Path):
    (tmp_path / "data").mkdir()
    shutil.move(MADE_CLIPS["plain"](tmp_path), tmp_path / "data")
    stages = ("--two-stage", "bicubic", "unison-m")
    run = stvsr("evaluate", "folder", "--data", tmp_path / "data", "--scale", "2", *stages, "--json")
    assert run.code == 1  # there is no unison-m at x2, and that is said
    assert "unison-m x2" in run.json["error"]["message"]
    stages = ("--two-stage", "bicubic", "bicubic")
    run = stvsr(
        "evaluate", "folder", "--data", tmp_path / "data", "--scale", "2", *stages, "--network", "bicubic", "--json"
    )
    once, first, second = run.json["results"]
    assert first["network"] == "bicubic (T) > bicubic (S)"
    assert second["network"] == "bicubic (S) > bicubic (T)"
    assert abs(first["psnr_y"] - once["psnr_y"]) < 0.05
    assert abs(second["psnr_y"] - once["psnr_y"]) < 0.05


def test_evaluate_measures_more_on_request(stvsr: Callable, tmp_path: Path):
    pictures, data = tmp_path / "pictures", tmp_path / "data"
    for folder in (pictures, data / "clip"):
        folder.mkdir(parents=True)
    texture = np.random.default_rng(0).integers(0, 255, (160, 300, 3), dtype=np.uint8)
    texture = Image.fromarray(texture).resize((600, 320), Image.Resampling.BICUBIC)
    for i in range(5):
        texture.crop((0, 0, 500, 300)).rotate(72 * i).save(pictures / f"{i}.png")
        texture.crop((100 + 2 * i, 0, 212 + 2 * i, 112)).save(data / "clip" / f"{i}.png")
    model = tmp_path / "model.safetensors"
    made = stvsr("evaluate", "folder", "--data", data, "--fit-niqe", pictures, "--niqe", model)
    assert "fitted here to 5 pictures" in made.err
    run = stvsr("evaluate", "folder", "--data", data, "--scale", "2", "--niqe", model, "--temporal", "--json")
    assert run.code == 0, run.err
    (result,) = run.json["results"]
    # a glide of 2 pixels: blending two keys 4 pixels apart smears it, so there is motion, and it is off
    assert result["niqe"] > 0
    assert 0 < result["tof"] < 2
    assert result["warping_error"] > 0
    assert result["flicker"] > 1  # every second frame is blurred
    assert abs(result["psnr_moving"] - result["psnr_y"]) < 1  # all of it moves
    assert result["lpips"] is None
    refused = stvsr("evaluate", "folder", "--data", data, "--mode", "time", "--temporal")
    assert "Motion is measured over all frames" in refused.err


def test_evaluate_prints_the_table_that_is_asked_for(stvsr: Callable, tmp_path: Path):
    (tmp_path / "data").mkdir()
    shutil.move(MADE_CLIPS["plain"](tmp_path), tmp_path / "data")
    run = stvsr("evaluate", "folder", "--data", tmp_path / "data", "--mode", "time", "--table", "md")
    assert run.code == 0, run.err
    assert "x2 in time, full size given" in run.out
    assert "| bicubic | here |" in run.out
    refused = stvsr("evaluate", "folder", "--data", tmp_path / "data", "--mode", "time", "--network", "tp")
    assert refused.code == 1
    assert "cannot leave the size as it is" in refused.err


def test_doctor_finds_this_installation_well(stvsr: Callable):
    run = stvsr("doctor", "--json")
    assert run.code == 0
    findings = {finding["name"]: finding for finding in run.json["findings"]}
    assert findings["self-test"]["ok"], findings["self-test"]
    assert all(finding["cure"] for finding in findings.values() if not finding["ok"])
