"""One loss per network: a frozen dataclass of weights that is called with what the network gave and what was true."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from stvsr.data.sampler import Batch
from stvsr.networks.base import TrainingOutput
from stvsr.training.losses.cycmunet import CycMuLoss
from stvsr.training.losses.mbnet import MBLoss
from stvsr.training.losses.stinet import StinetLoss
from stvsr.training.losses.temporal_profile import TPLoss
from stvsr.training.losses.unison import UnisonLoss
from stvsr.training.losses.yogo import YogoLoss


@runtime_checkable
class Loss(Protocol):
    """What a recipe needs of a loss."""

    def __call__(
        self, output: TrainingOutput, batch: Batch, done: Float[Tensor, ""]
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The loss, and its terms by name, detached, for the log. done: 0 at the run's first step, 1 at its last."""
        ...


__all__ = ["CycMuLoss", "Loss", "MBLoss", "StinetLoss", "TPLoss", "UnisonLoss", "YogoLoss"]
