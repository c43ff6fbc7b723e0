"""Two networks one after another, as the papers compare themselves with: one for time, one for space.

Time first: the small frames are interpolated, then every frame is enlarged. Space first: the keys are enlarged, then
large frames are interpolated. Neither stage knows of the other; that is what one-stage networks are better at.
"""

from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.clip import Times
from stvsr.errors import SettingsError
from stvsr.networks.base import Network, Spec


class TwoStage(Network):
    """``time`` at scale 1, and ``space`` at whatever scale it has. Pictures between the stages are kept in [0, 1]."""

    def __init__(self, *, time: Network, space: Network, time_first: bool = True) -> None:
        super().__init__()
        if time.spec.scale != 1:
            raise SettingsError(
                f"The stage for time enlarges by {time.spec.scale}, but must leave the size as it is. Build it at "
                f"scale 1."
            )
        self.time, self.space, self.time_first = time, space, time_first
        self.spec = Spec(scale=space.spec.scale, step=time.spec.step)

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        if not self.time_first:
            keys = [Fraction(index) for index in range(clip.shape[1])]
            return in_pieces(self.time, in_pieces(self.space, clip, keys).clamp(0, 1), times)
        frames = in_pieces(self.time, clip, times).clamp(0, 1)
        return in_pieces(self.space, frames, [Fraction(index) for index in range(len(times))])


def in_pieces(network: Network, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
    """Render with a network that may take few frames at once: pieces share a frame, which the first of them renders."""
    missing = network.spec.min_frames - clip.shape[1]
    if missing > 0:
        clip = torch.cat([clip, clip[:, -1:].expand(-1, missing, -1, -1, -1)], 1)
    most = network.spec.max_frames
    if most is None or clip.shape[1] <= most:
        return network(clip, times)
    rendered, done = [], 0
    for first in range(0, clip.shape[1] - 1, max(most - 1, 1)):
        part = clip[:, first : first + most]
        within = [Fraction(time) - first for time in times[done:] if time <= first + part.shape[1] - 1]
        done += len(within)
        if within:
            rendered.append(in_pieces(network, part, within))
    return torch.cat(rendered, 1)
