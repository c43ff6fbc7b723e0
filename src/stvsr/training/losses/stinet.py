"""STINet's loss (Section III-F): squared error of the frames and of what the features show before refinement, and
motion consistency with a gradient. The perceptual term is the recipe's (``training/perceptual.py``).

Norms are means over pixels, colours and frames (or pairs of frames); pictures in [0, 1], flows in output pixels.
b batch · s instants · p pairs of instants · H W output size.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from stvsr.data.sampler import Batch
from stvsr.networks.base import TrainingOutput, check_choices
from stvsr.ops.flow import farneback
from stvsr.training.losses.terms import weighed


@dataclass(frozen=True, kw_only=True)
class StinetLoss:
    """l = l_rec + l'_rec + lambda_2 (l_abs + l_rel), Eq. 4; the switches are the rows of Table V."""

    frames: float = 1.0
    """l_rec; 0 where the DBPN alone learns."""
    auxiliary: float = 1.0
    """l'_rec of Eq. 4, at both levels: Section III-B."""
    space: float = 1.0
    """The DBPN's own enlargement of the input frames, as long as it is not frozen. Ours: the paper takes one that was
    trained before."""
    motion: float = 0.1
    """lambda_2. Section IV-B: "loss weights lambda_1 and lambda_2 are both 0.1"."""
    absolute: float = 1.0
    """l_abs, Eq. 2: flow between the frames against flow between the true frames."""
    absolute_pairs: Literal["all", "adjacent"] = "all"
    """Which frames; adjacent ones alone are Table V's l_abs-AJ."""
    absolute_norm: Literal["l2", "l1"] = "l2"
    """Table V's l_abs-L1 takes the latter."""
    relative: float = 1.0
    """l_rel, Eq. 3: motion grows with time."""
    relative_to: Literal["order", "truth"] = "order"
    """Ask for the order of two motions only, or for their true difference: Table V's l_rel-SC."""

    def __post_init__(self) -> None:
        check_choices(self)

    def __call__(
        self,
        output: TrainingOutput,
        batch: Batch,
        done: Float[Tensor, ""],  # noqa: ARG002 (the same weights to the end)
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        terms = {"frames": weighed((output.frames.float() - batch.frames).square(), batch.weight)}
        loss = self.frames * terms["frames"]
        targets = {
            "low": (self.auxiliary, batch.small_frames),
            "high": (self.auxiliary, batch.frames),
            "space": (self.space, batch.frames[:, :: batch.cadence.factor]),
        }
        for name, (weight, target) in targets.items():
            if name in output.extras:
                terms[name] = F.mse_loss(output.extras[name].float(), target)
                loss = loss + weight * terms[name]
        if self.motion:
            terms["absolute"], terms["relative"] = self.motion_consistency(output.frames, batch.frames)
            loss = loss + self.motion * (self.absolute * terms["absolute"] + self.relative * terms["relative"])
        return loss, {name: value.detach() for name, value in terms.items()}

    def motion_consistency(
        self, frames: Float[Tensor, "b s c H W"], true: Float[Tensor, "b s c H W"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """l_abs and l_rel (MCL). A term of weight 0 is not computed and returned as 0."""
        count = frames.shape[1]
        apart = [(here, there) for here in range(count) for there in range(count) if here != there]
        pairs = [pair for pair in apart if self.absolute_pairs == "all" or abs(pair[0] - pair[1]) == 1]
        steps = [(middle - 1, middle) for middle in range(1, count - 1)]
        strides = [(middle - 1, middle + 1) for middle in range(1, count - 1)]
        needed = dict.fromkeys((pairs if self.absolute else []) + (steps + strides if self.relative else []))
        # computed again for the gradient: the steps of so many flows would fill the memory
        ours = {pair: checkpoint(farneback, *picked(frames, pair), use_reentrant=False) for pair in needed}
        with torch.no_grad():
            wanted = {pair: farneback(*picked(true, pair)) for pair in needed}
        absolute = relative = frames.new_zeros((), dtype=torch.float32)
        if self.absolute and pairs:
            norm = F.mse_loss if self.absolute_norm == "l2" else F.l1_loss
            absolute = norm(stacked(ours, pairs), stacked(wanted, pairs))
        if self.relative and steps:
            step, growth = stacked(ours, steps), stacked(ours, steps) - stacked(ours, strides)
            if self.relative_to == "order":
                relative = F.relu(step.sign() * growth).mean()
            else:
                relative = F.mse_loss(growth, stacked(wanted, steps) - stacked(wanted, strides))
        return absolute, relative


def picked(frames: Float[Tensor, "b s c H W"], pair: tuple[int, int]) -> tuple[Tensor, Tensor]:
    return frames[:, pair[0]], frames[:, pair[1]]


def stacked(flows: dict[tuple[int, int], Any], pairs: list[tuple[int, int]]) -> Float[Tensor, "b p 2 H W"]:
    return torch.stack([flows[pair] for pair in pairs], 1)
