"""Where the frames that are scored come from: a network, or a folder that another program filled.

Both start from the same small key frames, which ``write_inputs`` puts on disk for that other program.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from stvsr.data.degrade import from_bytes, shrink, to_bytes
from stvsr.errors import InputError, OutputError
from stvsr.evaluation.clips import VIDEOS, Clip, count_frames, cropped, read_clip
from stvsr.evaluation.protocol import Sampling, Task
from stvsr.evaluation.suites import Suite
from stvsr.inference.engine import Engine, RenderReport, RenderSettings
from stvsr.networks import Network
from stvsr.video.reader import read_frames

FP32 = RenderSettings(precision="fp32")

Rendering = Callable[[Float[Tensor, "t c h w"], list[int]], Float[Tensor, "s c h w"]]
"""A window's frames as the clip has them, and which are wanted: those, as they were rendered."""


def rendered_by(network: Network, sampling: Sampling, settings: RenderSettings = FP32) -> Rendering:
    """By a network, which sees the key frames, shrunk and rounded to 8 bits."""
    engine = Engine(network, settings, RenderReport())

    def rendering(truth: Float[Tensor, "t c h w"], wanted: list[int]) -> Float[Tensor, "s c h w"]:
        keys = shrink(truth[:: sampling.stride], engine.spec.scale)
        return render_all(engine, keys, [Fraction(i, sampling.stride) for i in wanted]).cpu()

    return rendering


def render_all(engine: Engine, keys: Float[Tensor, "t c h w"], times: Sequence[Fraction]) -> Float[Tensor, "s c H W"]:
    """Render a window; a network that takes fewer key frames at once gets it piece by piece, sharing a key frame."""
    most = engine.spec.max_frames
    if most is None or len(keys) <= most:
        return engine.render_clip(keys, list(times))
    rendered = []
    for first in range(0, len(keys) - 1, most - 1):
        part = keys[first : first + most]
        last = first + most >= len(keys)
        within = [time - first for time in times if first <= time and (time < first + most - 1 or last)]
        if within:
            rendered.append(engine.render_clip(part, within))
    return torch.cat(rendered)


def rendered_before(folder: Path, name: str, clip: Clip, sampling: Sampling, *, most: int | None = None) -> Rendering:
    """By another program, into ``folder/name`` or a video of that name.

    In the order of showing: every frame from the first key to the last, or only those that are scored, or, where just
    keys are scored, every key. After the last key there may be more, as ``stvsr enhance`` writes them: fewer than one
    step from key to key. Raises InputError for any other number.
    """
    path = given_clip(folder, name)
    count = len(clip) if isinstance(clip, tuple) else count_frames(clip)
    every = range(sampling.used(count if most is None else min(count, most)))
    scored, keys = [i for i in every if sampling.counts(i)], every[:: sampling.stride]
    given = count_frames(path)
    if len(every) <= given < len(every) + sampling.stride:
        shown = every
    elif given == len(scored):
        shown = scored
    elif given == len(keys) and set(scored) <= set(keys):
        shown = keys
    else:
        only = f", or only the {len(scored)} that are scored" if len(scored) < len(every) else ""
        raise InputError(
            f"{path} holds {given} frames, but {name} has {len(every)} from its first key frame to its last. "
            f"Put these there{only}, in the order of showing."
        )
    frames = (frame.image for i, frame in zip(shown, read_frames(path), strict=False) if sampling.counts(i))

    def rendering(truth: Float[Tensor, "t c h w"], wanted: list[int]) -> Float[Tensor, "s c h w"]:
        images = torch.stack(list(islice(frames, len(wanted))))
        if images.shape[1:] != truth.shape[1:]:
            (height, width), (rows, columns) = images.shape[-2:], truth.shape[-2:]
            raise InputError(
                f"The frames in {path} are {width}x{height}, but those of {name}, cropped to a multiple of the scale, "
                f"are {columns}x{rows}. Render them from the small frames that `stvsr evaluate --inputs` writes."
            )
        return images

    return rendering


def given_clip(folder: Path, name: str) -> Path:
    stem = name.removesuffix(Path(name).suffix) if Path(name).suffix.lower() in VIDEOS else name
    options = [folder / place for place in (name, stem, *(f"{stem}{suffix}" for suffix in VIDEOS))]
    found = next((path for path in options if path.exists()), None)
    if found is None:
        raise InputError(
            f"{folder} has no frames of {name}. Put a folder of pictures {stem} or a video {stem}.mkv there."
        )
    return found


def write_inputs(suite: Suite, data: Path, task: Task, target: Path) -> int:
    """Write what a network would see of every clip, a folder of PNG for each; returns the number of pictures.

    Raises InputError where clips are missing, OutputError where the target is there and not an empty folder.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target} is there already and not an empty folder. Give another name for it.")
    sampling, written = suite.sampling(task), 0
    for name, clip in suite.clips(data).items():
        folder = target / name
        folder.mkdir(parents=True)
        frames = read_clip(clip, least=sampling.least, most=suite.most_frames)
        for number, key in enumerate(islice(frames, 0, None, sampling.stride)):
            small = to_bytes(shrink(from_bytes(cropped(key, task.scale)), task.scale))
            Image.fromarray(rearrange(small, "c h w -> h w c").numpy()).save(folder / f"{number:06d}.png")
            written += 1
    return written
