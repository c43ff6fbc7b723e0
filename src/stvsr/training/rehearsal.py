"""What a run will take, before it is begun: one step of one small clip, scaled up."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from stvsr.data.sampler import Batch
from stvsr.networks import NETWORKS
from stvsr.training.recipe import Recipe
from stvsr.training.step import learning_parts

SMALL = 16
"""Side of the clip that is tried, input pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Estimates for the present machine, from a clip of 16x16 input pixels; larger crops are a little cheaper."""

    samples: int
    """Clips seen over the whole run."""
    parameters: int
    """That learn."""
    step_seconds: float
    hours: float
    memory_bytes: int
    """What the backward pass needs to remember of one portion of a batch, and three more of each number that learns."""


def rehearse(recipe: Recipe) -> Rehearsal:
    """Try one step of the recipe. Raises SettingsError for a part that the network does not have."""
    torch.manual_seed(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = NETWORKS[recipe.network](scale=recipe.scale, **recipe.config).to(device).train()
    learning = learning_parts(network, recipe.parts)
    batch = made_up(recipe, device)
    remembered: dict[int, int] = {}

    def weigh(tensor: Tensor) -> Tensor:
        remembered[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    def step() -> None:
        output = network.training_forward(batch.clip, batch.cadence.times)
        loss, _ = recipe.losses(output, batch, torch.zeros((), device=device))
        loss.backward()

    with saved_tensors_hooks(weigh, lambda tensor: tensor):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    pixels = recipe.crop * (recipe.crop_width or recipe.crop) / SMALL**2 * recipe.batch
    seconds = (time.perf_counter() - began) * pixels
    own = sum(parameter.numel() * parameter.element_size() for parameter in learning)
    return Rehearsal(
        samples=recipe.steps * recipe.batch,
        parameters=sum(parameter.numel() for parameter in learning),
        step_seconds=seconds,
        hours=seconds * recipe.steps / 3600,
        memory_bytes=int(sum(remembered.values()) * pixels / recipe.accumulate) + 4 * own,
    )


def made_up(recipe: Recipe, device: torch.device) -> Batch:
    """One clip of smooth noise in the first cadence."""
    cadence = recipe.cadences[0]
    instants, pairs, side = len(cadence.times), cadence.keys - 1, SMALL * recipe.scale
    noise = F.interpolate(torch.rand(instants, 3, 8, 8, device=device), size=(side, side), mode="bilinear")
    small = F.interpolate(noise, size=(SMALL, SMALL), mode="area")
    flow = torch.randn(1, pairs, 2, SMALL, SMALL, device=device)
    return Batch(
        cadence=cadence,
        clip=small[None, :: cadence.factor],
        frames=noise[None],
        small_frames=small[None],
        flow_forth=flow,
        flow_back=-flow,
    )
