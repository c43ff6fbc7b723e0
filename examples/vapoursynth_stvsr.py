"""For VapourSynth: ``clip = enhanced(clip)`` in your script. Clips must be RGBS (32-bit floats) of constant rate.

    import vapoursynth as vs
    from vapoursynth_stvsr import enhanced

    clip = vs.core.lsmas.LWLibavSource("holiday.mp4")
    clip = clip.resize.Bicubic(format=vs.RGBS, matrix_in_s="709")
    enhanced(clip).set_output()

Frames are rendered forwards. A jump back, or far ahead, starts anew there. Every frame of it depends on where it
started, within the window: jump around to look, but render a film from its beginning.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import stvsr

AHEAD = 64
"""A frame up to so far ahead is reached by rendering what lies between."""


class Sequence:
    """Frames by number out of a source that is rendered in order."""

    def __init__(self, read: Callable[[int], np.ndarray], count: int, network: str, scale: int, times: int) -> None:
        self.read, self.count = read, count
        self.times = times
        self.network = stvsr.load(network, scale)
        self.next, self.frames = 0, self.start(0)
        self.last: tuple[int, np.ndarray] | None = None

    def start(self, key: int) -> Iterator[np.ndarray]:
        keys = (self.read(index) for index in range(key, self.count))
        return stvsr.enhance_frames(keys, self.network, times=self.times)

    def __getitem__(self, number: int) -> np.ndarray:
        """Frame ``number`` of the enhanced clip, H W 3."""
        if self.last is not None and self.last[0] == number:
            return self.last[1]
        if not self.next <= number < self.next + AHEAD:
            key = number // self.times
            self.next, self.frames = key * self.times, self.start(key)
        while self.next <= number:
            image = next(self.frames)
            self.next += 1
        self.last = number, image
        return image


def enhanced(clip: Any, network: str = "unison-s", scale: int = 4, times: int = 2) -> Any:
    """A VapourSynth clip, ``scale`` times as wide and high, with ``times`` as many frames."""
    import vapoursynth as vs

    if clip.format.id != vs.RGBS:
        raise vs.Error("stvsr: the clip must be RGBS; convert it with resize.Bicubic(format=vs.RGBS, matrix_in_s=...)")

    def read(index: int) -> np.ndarray:
        with clip.get_frame(index) as frame:
            return np.stack([np.asarray(frame[plane]) for plane in range(3)], 2)

    sequence = Sequence(read, clip.num_frames, network, scale, times)
    blank = clip.std.BlankClip(
        width=clip.width * scale,
        height=clip.height * scale,
        length=clip.num_frames * times,
        fpsnum=clip.fps_num * times,
        fpsden=clip.fps_den,
    )

    def fill(n: int, f: Any) -> Any:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), sequence[n][..., plane])
        return out

    return blank.std.ModifyFrame(blank, fill)
