import re
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from made_clips import Sound, make_film
from stvsr.video import probe


def packets(path, kind: str) -> list[list[bytes]]:
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        found = {stream.index: [] for stream in streams}
        for packet in container.demux(streams):
            if packet.size:
                found[packet.stream.index].append(bytes(packet))
    return list(found.values())


def sound(path, number: int) -> np.ndarray:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 48000)
        frames = [part for frame in container.decode(audio=number) for part in resampler.resample(frame)]
    start = int(frames[0].pts * frames[0].time_base * 48000)
    wave = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return wave[max(0, -start) :] if start < 0 else np.concatenate([np.zeros(start), wave])


def words(path) -> list[tuple[float, float, str]]:
    """Start, length and text of every subtitle."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        found = []
        for packet in container.demux(stream):
            for line in packet.decode() if packet.size else ():
                text = re.sub(r"\{.*?\}", "", line.dialogue.decode()).strip()  # converters add colours
                if text:
                    tick = float(packet.time_base)
                    found.append((packet.pts * tick, packet.duration * tick, text))
    return found


def test_matroska_takes_everything_as_it_is(made, copied, tmp_path):
    source, target = made("talkie"), tmp_path / "copy.mkv"
    assert copied(source, target) == []
    for kind in ("audio", "subtitle"):
        assert packets(target, kind) == packets(source, kind)
    old, new = probe(source), probe(target)
    assert [(s.kind, s.codec, s.language) for s in new.streams] == [(s.kind, s.codec, s.language) for s in old.streams]
    assert new.chapters == old.chapters
    with av.open(str(target)) as container:
        assert container.streams.attachments[0].data == b"not really a font"
    assert {k.lower(): v for k, v in new.metadata.items()}["artist"] == "Nobody"


def test_mp4_takes_what_it_can_and_the_rest_is_listed(made, copied, tmp_path):
    source, target = made("talkie"), tmp_path / "copy.mp4"
    dropped = copied(source, target)
    assert packets(target, "audio") == packets(source, "audio")
    assert probe(target).chapters == probe(source).chapters
    assert len(dropped) == 2
    assert "subtitle stream 3 (subrip, eng): converted to mov_text" in dropped[0]
    assert "attachment font.ttf: left behind" in dropped[1]


@pytest.mark.parametrize(("clip", "suffix"), [("talkie", "mp4"), ("talkie_mp4", "mkv"), ("talkie", "webm")])
def test_converted_subtitles_keep_their_words_and_times(made, copied, tmp_path, clip, suffix):
    source, target = made(clip), tmp_path / f"copy.{suffix}"
    copied(source, target)
    for (start, length, text), (new_start, new_length, new_text) in zip(words(source), words(target), strict=True):
        assert text == new_text
        assert (new_start, new_length) == pytest.approx((start, length), abs=0.002)


@pytest.mark.parametrize("suffix", ["webm", "mov"])
def test_sound_that_the_container_cannot_hold_is_re_encoded_in_time(made, copied, tmp_path, suffix):
    source, target = made("talkie"), tmp_path / f"copy.{suffix}"
    dropped = copied(source, target)
    assert any("flac, deu): re-encoded" in sentence for sentence in dropped)
    for number in (0, 1):
        before, after = sound(source, number)[4800:38400], sound(target, number)[4800:38400]
        assert np.corrcoef(before, after)[0, 1] > 0.98  # a shift by a fifth of a millisecond would spoil this


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 2)])
def test_sound_and_picture_stay_together(copied, tmp_path, start, suffix):
    low = Sound(hertz=50)  # Matroska rounds to milliseconds, a twentieth of its period
    source, target = make_film(tmp_path / "film.mp4", sounds=(low,), start=start), tmp_path / f"copy.{suffix}"
    copied(source, target)
    assert probe(target).start_time == probe(source).start_time == start
    before, after = sound(source, 0), sound(target, 0)
    length = min(len(before), len(after)) - 2048
    assert np.corrcoef(before[:length], after[:length])[0, 1] > 0.98


def test_sound_may_be_left_out(made, copied, tmp_path):
    copied(made("talkie"), tmp_path / "copy.mkv", copy_streams=False)
    assert probe(tmp_path / "copy.mkv").streams == ()


def test_a_cover_picture_is_listed_as_left_behind(tmp_path, copied):
    plain, covered = make_film(tmp_path / "film.mp4"), tmp_path / "covered.mp4"
    with av.open(str(plain)) as source, av.open(str(covered), "w") as output:
        film = output.add_stream_from_template(source.streams.video[0])
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 16, 16, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame(16, 16, "yuvj420p")))
        output.mux(cover.encode(None))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = film
                output.mux(packet)
    dropped = copied(covered, tmp_path / "copy.mp4")
    assert probe(covered).codec == "h264"
    assert dropped == ["cover picture stream 1 (mjpeg): left behind"]


def test_sound_is_interleaved_with_the_picture(tmp_path, copied):
    source = make_film(tmp_path / "long.mkv", count=240, size=(16, 16), sounds=(Sound(),))
    copied(source, tmp_path / "copy.mkv")
    with av.open(str(tmp_path / "copy.mkv")) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    halfway = kinds[: len(kinds) // 2]
    assert halfway.count("audio") == pytest.approx(kinds.count("audio") / 2, rel=0.1)
