"""YOGO's loss (Eq. 4): Charbonnier on the frames, on their structure and on their detail."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from stvsr.data.sampler import Batch
from stvsr.networks.base import TrainingOutput
from stvsr.ops.resize import resize
from stvsr.training.losses.terms import charbonnier


@dataclass(frozen=True, kw_only=True)
class YogoLoss:
    """Section 3.4. Equal weights; the mean over all frames where the paper sums."""

    frames: float = 1.0
    structure: float = 1.0
    """The truth shrunk and enlarged by bicubic ("the bicubic sampling (the structural components)")."""
    detail: float = 1.0
    """What the truth has beyond its structure."""
    epsilon: float = 1e-3
    """w, "where constant w is set to 10^-3"."""

    def __call__(
        self,
        output: TrainingOutput,
        batch: Batch,
        done: Float[Tensor, ""],  # noqa: ARG002 (the same weights to the end)
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        frames = charbonnier(output.frames, batch.frames, epsilon=self.epsilon, weight=batch.weight)
        loss, terms = self.frames * frames, {"frames": frames.detach()}
        if "structure" not in output.extras:  # direct fusion has no heads
            return loss, terms
        true = resize(batch.small_frames, batch.frames.shape[-1] // batch.small_frames.shape[-1])
        structure = charbonnier(output.extras["structure"], true, epsilon=self.epsilon)
        detail = charbonnier(output.extras["detail"], batch.frames - true, epsilon=self.epsilon)
        loss = loss + self.structure * structure + self.detail * detail
        return loss, terms | {"structure": structure.detach(), "detail": detail.detach()}
