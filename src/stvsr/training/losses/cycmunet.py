"""CycMu-Net's loss (Eq. 4): Charbonnier on the LR frame between and on the three HR frames."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from stvsr.data.sampler import Batch
from stvsr.networks.base import TrainingOutput
from stvsr.training.losses.terms import charbonnier


@dataclass(frozen=True, kw_only=True)
class CycMuLoss:
    """Section 3.2: "we set the constant omega and weights lambda_1 ... lambda_4 to 10^-3, 1, 1, 0.5 and 0.5"."""

    middle: float = 1.0
    """lambda_1: the LR frame between, L_t."""
    between: float = 1.0
    """lambda_2: the HR frame between, H_t."""
    first: float = 0.5
    """lambda_3: the first HR frame, H_0."""
    last: float = 0.5
    """lambda_4: the last HR frame, H_1."""
    epsilon: float = 1e-3
    """omega."""

    def __call__(
        self,
        output: TrainingOutput,
        batch: Batch,
        done: Float[Tensor, ""],  # noqa: ARG002 (the same weights to the end)
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """For batches of two input frames with one instant between."""
        first, between, last = (
            charbonnier(ours, true, epsilon=self.epsilon, weight=batch.weight)
            for ours, true in zip(output.frames.split(1, 1), batch.frames.split(1, 1), strict=True)
        )
        middle = charbonnier(output.extras["middle"], batch.small_frames[:, 1:2], epsilon=self.epsilon)
        loss = self.middle * middle + self.between * between + self.first * first + self.last * last
        terms = {"middle": middle, "between": between, "first": first, "last": last}
        return loss, {name: value.detach() for name, value in terms.items()}
