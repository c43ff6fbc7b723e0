"""TP's losses, one for each stage of its training."""

from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.sampler import Batch
from stvsr.errors import SettingsError
from stvsr.networks.base import TrainingOutput
from stvsr.ops.resize import resize, resize_to
from stvsr.ops.similarity import structural_similarity
from stvsr.training.losses.terms import weighed


@dataclass(frozen=True, kw_only=True)
class TPLoss:
    """Section 4.1: "we first train TPSRM according to Equation (2). Then, we freeze its parameters and train FSM based
    on Equation (4). Finally, we optimize all the three modules together for extra epochs based on Equation (10)."

    The paper's norms are sums over a picture; here they are means, so that the weights do not depend on its size.
    Equation 8, features of a trained VGG-19 (weight 0.01), is the recipe's: training/perceptual.py.
    """

    stage: int = 3
    """1: the enlarged profiles alone; 2: the frames; 3: the frames with the two terms below."""
    ssim: float = 0.1
    """lambda_1: 1 - SSIM (Eq. 7)."""
    cycle: float = 1.0
    """lambda_3: the output, degraded like the input, against the input (Eq. 9)."""

    def __post_init__(self) -> None:
        if self.stage not in (1, 2, 3):
            raise SettingsError(f"TP trains in stages 1, 2 and 3, but stage {self.stage} was asked for.")

    def __call__(
        self,
        output: TrainingOutput,
        batch: Batch,
        done: Float[Tensor, ""],  # noqa: ARG002  the weights stay as they are
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        if self.stage == 1:
            terms = {f"{kind}_profiles": profile_error(ours, batch.frames) for kind, ours in output.extras.items()}
            weights = dict.fromkeys(terms, 1.0)
        else:
            terms = {"frames": weighed((output.frames - batch.frames).abs(), batch.weight)}
            weights = {"frames": 1.0}
            if self.stage == 3:
                terms["ssim"] = 1 - structural_similarity(output.frames, batch.frames, peak=1.0).mean()
                terms["cycle"] = cycle_error(output.frames, batch.clip, batch.cadence.factor)
                weights |= {"ssim": self.ssim, "cycle": self.cycle}
        loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        return loss, {name: term.detach() for name, term in terms.items()}


def profile_error(ours: Float[Tensor, "b s c h w"], frames: Float[Tensor, "b s c H W"]) -> Float[Tensor, ""]:
    """L1 of enlarged profiles (Eq. 2), put back together as frames: an L1 sum does not care how pixels are ordered.

    The target has "corresponding spatial degradation (i.e., 1/2 in height and 1/4 in width)" for vertical profiles.
    """
    return F.l1_loss(ours, resize_to(frames, ours.shape[-2], ours.shape[-1]))


def cycle_error(frames: Float[Tensor, "b s c H W"], clip: Float[Tensor, "b t c h w"], factor: int) -> Float[Tensor, ""]:
    """L1 between the clip and every ``factor``-th frame made small by bicubic (Eq. 9).

    The paper sums over horizontal profiles; in whatever pictures the volume is cut, the sum is the same.
    """
    return F.l1_loss(resize(frames[:, ::factor], Fraction(clip.shape[-1], frames.shape[-1])), clip)
