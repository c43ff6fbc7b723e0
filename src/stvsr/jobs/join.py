"""Finished segments become one film, in little more room than the film itself needs, and still nothing can be lost.

A segment's file goes as soon as every one of its packets has been seen in the film, byte for byte, and the film has
been written to the disk itself. Where they lie is written down first (``.places``), with the segment's few other bytes.
If the join is cut short, the segments are taken out of the half-made film again, last one first,
each checked against its record; the film is cut shorter by each, so that this needs no more room either.
"""

import os
import zlib
from array import array
from pathlib import Path

from av.error import FFmpegError

from stvsr.errors import OutputError
from stvsr.jobs.journal import Job, Record, keep, measure, read_facts, write_facts
from stvsr.video.joining import FilmJoin, Places


def join(job: Job) -> tuple[str, ...]:
    """Join all segments into ``job.film``. Returns what could not come along.

    Raises OutputError where the film cannot be written; nothing is lost then, and it can be tried again.
    """
    stored = read_facts(job.folder / "joined.json")
    if stored is not None and (job.plan.is_folder or job.film.exists()):
        return tuple(stored["dropped"])
    records = [record for segment in job.segments if (record := job.record_of(segment.index)) is not None]
    assert len(records) == len(job.segments)
    dropped = gather(job, records) if job.plan.is_folder else copy(job, records)
    everything = dict.fromkeys(word for record in records for word in record.dropped) | dict.fromkeys(dropped)
    write_facts(job.folder / "joined.json", {"dropped": list(everything)})
    return tuple(everything)


def copy(job: Job, records: list[Record]) -> list[str]:
    """Copy the packets of every segment into one film."""
    restore(job)
    settings, info = job.plan.writing, job.info
    try:
        film = FilmJoin(
            job.film,
            job.path_of(0),
            settings,
            info,
            clock=job.plan.clock,
            rate=job.plan.rate or info.average_rate,
            delay=max(record.delay for record in records),
        )
        try:
            for index, record in enumerate(records):
                film.add(job.path_of(index), record.end)
                release(job, film)
            film.finish()
        except BaseException:
            film.abandon()
            raise
        keep(job.film)
        release(job, film)
    except (FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{job.film} could not be written: {reason}. The finished segments are kept.") from error
    return film.dropped


def release(job: Job, film: FilmJoin) -> None:
    """Let go of the segments that the film holds."""
    for index, places in film.settled():
        keep(job.film)
        write_whole(job.path_of(index, ".places"), packed(places, rest_of(job.path_of(index), places)))
        job.path_of(index).unlink()


def rest_of(segment: Path, places: Places) -> bytes:
    """A segment's bytes apart from its packets."""
    rest, at = bytearray(), 0
    with segment.open("rb") as file:
        for offset, size, _ in places:
            file.seek(at)
            rest += file.read(offset - at)
            at = offset + size
        file.seek(at)
        return bytes(rest + file.read())


def restore(job: Job) -> None:
    """Take the released segments out of a film that was not finished, and remove what is left of it."""
    if job.plan.is_folder:
        return  # pictures are moved one by one: that simply goes on
    for segment in reversed(job.segments):
        places_file, path = job.path_of(segment.index, ".places"), job.path_of(segment.index)
        if not places_file.exists():
            continue
        places, rest = unpacked(places_file.read_bytes())
        if not path.exists():
            take_out(job, segment.index, places, rest)
        os.truncate(job.film, next(iter(places))[2])
        places_file.unlink()
    job.film.unlink(missing_ok=True)


def packed(places: Places, rest: bytes) -> bytes:
    """Places and other bytes in little room: gaps between packets hardly vary."""
    gaps, at, place_at = array("q"), 0, 0
    for offset, size, place in places:
        gaps.extend((offset - at, size, place - place_at))
        at, place_at = offset + size, place + size
    return zlib.compress(len(gaps).to_bytes(8, "little") + gaps.tobytes() + rest)


def unpacked(data: bytes) -> tuple[Places, bytes]:
    """What ``packed`` packed."""
    data = zlib.decompress(data)
    end = 8 + 8 * int.from_bytes(data[:8], "little")
    gaps, places, at, place_at = array("q", data[8:end]), Places(), 0, 0
    for gap, size, place_gap in zip(gaps[::3], gaps[1::3], gaps[2::3], strict=True):
        places.numbers.extend((at + gap, size, place_at + place_gap))
        at, place_at = at + gap + size, place_at + place_gap + size
    return places, data[end:]


def take_out(job: Job, index: int, places: Places, rest: bytes) -> None:
    """Build a segment's file again from the film and its other bytes."""
    path, partial = job.path_of(index), job.folder / f"partial-{index:05d}{job.suffix}"
    try:
        with job.film.open("rb") as film, partial.open("wb") as file:
            at, used = 0, 0
            for offset, size, place in places:
                file.write(rest[used : used + offset - at])
                used, at = used + offset - at, offset + size
                film.seek(place)
                file.write(film.read(size))
            file.write(rest[used:])
        keep(partial)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror}. Free some space.") from error
    record = job.record_of(index)
    if record is None or measure(partial) != (record.bytes, record.sha256):
        partial.unlink()
        job.path_of(index, ".json").unlink(missing_ok=True)  # it must be rendered again
    else:
        os.replace(partial, path)
        keep(path)


def gather(job: Job, records: list[Record]) -> list[str]:
    """Move the pictures of every segment into one folder, numbered through."""
    job.film.mkdir(exist_ok=True)
    before = 0
    for index, record in enumerate(records):
        for picture in sorted(job.path_of(index).iterdir()) if job.path_of(index).exists() else ():
            os.replace(picture, job.film / f"{before + int(picture.stem):08d}.png")
        before += record.frames
    return []


def write_whole(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    keep(partial)
    os.replace(partial, path)
    keep(path)
