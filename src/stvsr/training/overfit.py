"""The first thing to ask of a network: can it learn one batch by heart? A few minutes show a broken gradient, a dead
branch or a wrong grid, which a long training would hide."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.data.degrade import round_to_8_bits
from stvsr.data.open import open_source
from stvsr.data.sampler import Cadence, Sampler
from stvsr.errors import TrainingError
from stvsr.networks import NETWORKS
from stvsr.training.recipe import Cosine, Optimiser, Recipe

CLIPS = 4
"""From as many films; also the size of the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What came of it; PSNR in dB over all frames of the batch, RGB."""

    network: str
    batch: str
    """Clips x instants x colours x height x width of the frames."""
    steps: int
    seconds: float
    bicubic: float
    start: float
    end: float
    curve: tuple[float, ...]
    """Before every tenth step, and after the last."""


def for_overfitting(recipe: Recipe) -> Recipe:
    """The recipe with 300 steps on one batch of small crops, at a rate that brings most networks far."""
    return replace(
        recipe,
        steps=300,
        batch=CLIPS,
        crop=16,
        cadences=(Cadence(keys=2, factor=2, probability=1.0),),
        optimiser=Optimiser(lr=5e-4, decay=Cosine(lr_end=5e-5), warmup=20),
    )


def overfit(recipe: Recipe, data: Path, *, report: Callable[[str], None] = print) -> Overfitting:
    """Train fresh weights on one batch again and again. Raises TrainingError for bad data or a loss not finite."""
    torch.manual_seed(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sampler = Sampler(
        open_source(data, most_clips=CLIPS, report=report),
        recipe.cadences,
        scale=recipe.scale,
        crop=recipe.crop,
        flow=recipe.flow,
        batch_size=recipe.batch,
        seed=recipe.seed,
        device=device,
    )
    batch = sampler.batch(0)
    network = NETWORKS[recipe.network](scale=recipe.scale, **recipe.config).to(device).train()
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    adam = torch.optim.Adam(learning, betas=(0.9, 0.99))
    times = batch.cadence.times
    with torch.no_grad():
        bicubic = psnr(NETWORKS["bicubic"](scale=recipe.scale)(batch.clip, times), batch.frames)
    curve: list[float] = []
    started = time.monotonic()
    for step in range(recipe.steps + 1):
        output = network.training_forward(batch.clip, times)
        if step % 10 == 0 or step == recipe.steps:
            curve.append(psnr(output.frames, batch.frames))
        if step % 50 == 0:
            report(f"step {step} of {recipe.steps}: {curve[-1]:.2f} dB, bicubic {bicubic:.2f} dB")
        if step == recipe.steps:
            break
        loss, _ = recipe.losses(output, batch, torch.tensor(step / recipe.steps, device=device))
        if not loss.isfinite():
            raise TrainingError(f"The loss is {loss.item()} at step {step}. Try a lower rate: --set optimiser.lr=1e-4.")
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, recipe.optimiser.clip)
        for group in adam.param_groups:
            group["lr"] = recipe.optimiser.rate(step, recipe.steps)
        adam.step()
    return Overfitting(
        network=recipe.network,
        batch=" x ".join(str(size) for size in batch.frames.shape),
        steps=recipe.steps,
        seconds=time.monotonic() - started,
        bicubic=bicubic,
        start=curve[0],
        end=curve[-1],
        curve=tuple(curve),
    )


@torch.no_grad()
def psnr(ours: Float[Tensor, "b s c H W"], true: Float[Tensor, "b s c H W"]) -> float:
    """Over everything at once, after rounding to 8 bits."""
    return float(-10 * (round_to_8_bits(ours.float()) - true).square().mean().log10())
