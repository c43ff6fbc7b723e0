"""Unison's loss: the frames, the small picture under each, and what keeps the flow alive."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from stvsr.data.sampler import Batch
from stvsr.errors import TrainingError
from stvsr.networks.base import TrainingOutput
from stvsr.training.losses.terms import charbonnier, end_point_error, photometric


@dataclass(frozen=True, kw_only=True)
class UnisonLoss:
    """Weights of the terms beside the frames' own."""

    epsilon: float = 1e-3
    """Of the frames' Charbonnier loss. Errors well below it count squared: a large one favours PSNR."""
    base: float = 0.2
    """The small picture under each frame, against the true one."""
    flow_start: float = 0.05
    """End-point error against the classical flow, at the first step; it falls linearly to ``flow_end``."""
    flow_end: float = 0.005
    photometric: float = 0.05
    """Input frames warped onto their neighbours by the flow."""
    backward: float = 0.2
    """The frames with the detail of the backward recurrence, where it makes any."""

    def __call__(
        self, output: TrainingOutput, batch: Batch, done: Float[Tensor, ""]
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        forth, back = output.extras["flow_forth"], output.extras["flow_back"]
        if batch.flow_forth is None or batch.flow_back is None:
            raise TrainingError("Unison's flow learns from the classical one, which the batch lacks. Use --set flow=1.")
        terms = {
            "frames": charbonnier(output.frames, batch.frames, epsilon=self.epsilon, weight=batch.weight),
            "base": charbonnier(output.extras["base"], batch.small_frames),
            "end_point_error": (end_point_error(forth, batch.flow_forth) + end_point_error(back, batch.flow_back)) / 2,
            "photometric": photometric(batch.small_frames[:, :: batch.cadence.factor], forth, back),  # undamaged
            "flow_length": forth.detach().square().sum(2).sqrt().mean(),
        }
        if "backward" in output.extras:
            made = output.extras["backward"]
            terms["backward"] = charbonnier(made, batch.frames, epsilon=self.epsilon, weight=batch.weight)
        loss = (
            terms["frames"]
            + self.base * terms["base"]
            + (self.flow_start + (self.flow_end - self.flow_start) * done) * terms["end_point_error"]
            + self.photometric * terms["photometric"]
            + self.backward * terms.get("backward", 0)
        )
        return loss, {name: value.detach() for name, value in terms.items()}
