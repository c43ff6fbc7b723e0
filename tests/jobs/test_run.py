"""A whole job: what it tells on the way, and what becomes of a film that fails its proof."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from made_clips import MADE_CLIPS
from stvsr.errors import VerificationError
from stvsr.inference import Target
from stvsr.jobs.plan import EnhanceSettings, Plan
from stvsr.jobs.result import Progress
from stvsr.jobs.run import enhance
from stvsr.jobs.verify import Check, VerifyReport

BICUBIC = EnhanceSettings(scale=2, network="bicubic")


def test_progress_counts_every_frame_and_the_plan_comes_first(tmp_path: Path):
    told: list[Plan | Progress] = []
    result = enhance(MADE_CLIPS["plain"](tmp_path), settings=BICUBIC, progress=told.append, on_plan=told.append)
    plan, *progress = told
    assert isinstance(plan, Plan)
    assert (plan.target, plan.size, plan.frames_out) == (result.output, (128, 96), result.frames_out)
    assert [each.frames_out for each in progress if isinstance(each, Progress)] == list(range(1, 49))
    assert all(
        each.frames_expected == 48 and each.bottleneck in ("reading", "computing", "writing")
        for each in progress
        if isinstance(each, Progress)
    )


def test_a_film_that_fails_its_proof_is_kept_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    failed = Check(name="frames", ok=False, expected="48", got="47")
    monkeypatch.setattr("stvsr.jobs.run.verify", lambda path, _: VerifyReport(path=path, checks=(failed,)))
    source = MADE_CLIPS["plain"](tmp_path)
    with pytest.raises(VerificationError, match=r"frames: expected 48, got 47.*plain\.x2\.48fps\.unproven\.mp4"):
        enhance(source, settings=BICUBIC)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain.mp4", "plain.x2.48fps.unproven.mp4"]


def test_slow_motion_stretches_time_and_leaves_the_sound_out(tmp_path: Path):
    settings = EnhanceSettings(scale=1, network="bicubic", target=Target(slow_motion=3))
    result = enhance(MADE_CLIPS["talkie"](tmp_path), settings=settings)
    assert result.frames_out == 72
    duration = next(check for check in result.verify.checks if check.name == "duration")
    assert (duration.ok, duration.expected) == (True, "3.000 s")
    assert any("sound" in note for note in result.plan.notes)


@pytest.mark.parametrize("fps", [Fraction(60), Fraction(24000, 1001), Fraction(7)])
def test_any_rate_is_exact_over_a_variable_source(tmp_path: Path, fps: Fraction):
    source = MADE_CLIPS["variable_rate"](tmp_path)
    settings = EnhanceSettings(scale=1, network="bicubic", target=Target(fps=fps))
    assert enhance(source, settings=settings).frames_out == -(-Fraction(20, 30) * fps // 1)


def test_a_source_that_breaks_off_halfway_is_noticed(tmp_path: Path):
    whole, source = MADE_CLIPS["plain"](tmp_path), tmp_path / "cut.mp4"
    with av.open(str(whole)) as film, av.open(str(source), "w", container_options={"movflags": "faststart"}) as copy:
        stream = copy.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    with pytest.raises(VerificationError, match="pictures lost while reading: expected 0"):
        enhance(source, settings=BICUBIC)
    assert not (tmp_path / "cut.x2.48fps.mp4").exists()


def test_what_the_target_cannot_hold_is_said_and_not_held_against_it(tmp_path: Path):
    settings = EnhanceSettings(scale=1, network="bicubic", codec="ffv1")
    result = enhance(MADE_CLIPS["anamorphic"](tmp_path), tmp_path / "out.mkv", settings)
    assert any("pixel shape 64/45" in note for note in result.notes)
    result = enhance(MADE_CLIPS["talkie"](tmp_path), tmp_path / "out.webm", EnhanceSettings(scale=1, network="bicubic"))
    assert any(note.startswith("attachment") for note in result.notes)
