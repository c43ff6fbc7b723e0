"""The parts of one training step: what learns, a batch in portions, gradients shared, the step as a CUDA graph."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from stvsr.data.sampler import Batch
from stvsr.errors import SettingsError
from stvsr.networks import Network
from stvsr.networks.base import AlongFlow, TrainingOutput
from stvsr.ops.cuda_graph import captured


def portions(batch: Batch, count: int) -> list[Batch]:
    """The batch in parts of as many clips each."""
    if count == 1:
        return [batch]
    if len(batch.clip) % count:
        raise SettingsError(f"A batch of {len(batch.clip)} clips cannot be cut into {count} equal parts (accumulate).")
    cut = {name: getattr(batch, name).chunk(count) for name in tensors_of(batch)}
    return [replace(batch, **{name: parts[index] for name, parts in cut.items()}) for index in range(count)]


def tensors_of(batch: Batch) -> list[str]:
    """The names of the batch's tensors."""
    return [entry.name for entry in fields(batch) if isinstance(getattr(batch, entry.name), Tensor)]


OPTIMISERS = {"adam": torch.optim.Adam, "adamax": torch.optim.Adamax}


def learning_parts(network: Network, parts: tuple[str, ...]) -> list[nn.Parameter]:
    """The parameters that learn: those of the named parts, or all that the network itself does not hold still.
    Raises SettingsError for a part that the network does not have."""
    unknown = [part for part in parts if not isinstance(getattr(network, part, None), nn.Module)]
    if unknown:
        have = ", ".join(name for name, _ in network.named_children())
        raise SettingsError(f"{type(network).__name__} has no part {unknown[0]!r}. Its parts are {have}.")
    for name, parameter in network.named_parameters():
        if parts and not name.startswith(tuple(f"{part}." for part in parts)):
            parameter.requires_grad_(False)
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def forward(network: Network, batch: Batch, *, along: bool) -> TrainingOutput:
    """What the network makes of the batch. along: with the flow that the batch knows in place of its own.
    Raises SettingsError where the batch or the network has none."""
    if not along:
        return network.training_forward(batch.clip, batch.cadence.times)
    if batch.flow_forth is None or batch.flow_back is None or not isinstance(network, AlongFlow):
        raise SettingsError(f"{type(network).__name__} has no flow to go along in this recipe. Use --set known_flow=0.")
    return network.training_along(batch.clip, batch.cadence.times, batch.flow_forth, batch.flow_back)


def share_gradients(fabric: Fabric, learning: Sequence[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes, in one message."""
    gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
    mean = fabric.all_reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduce_op="mean")
    assert isinstance(mean, Tensor)
    for gradient, part in zip(gradients, mean.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def capture(learn: Callable[[Batch], dict[str, Tensor]], example: Batch) -> Callable[[Batch], dict[str, Tensor]]:
    """The step as a CUDA graph for one cadence. The first three steps run as they are, on the example."""
    tensors = tensors_of(example)
    still = replace(example, **{name: getattr(example, name).clone() for name in tensors})
    replay, terms = captured(lambda: learn(still))

    def again(batch: Batch) -> dict[str, Tensor]:
        for name in tensors:
            getattr(still, name).copy_(getattr(batch, name))
        replay()
        return terms

    return again


def set_rate(optimiser: torch.optim.Optimizer, rate: Tensor, value: float) -> None:
    """Where the step is captured the rate is a tensor that it reads; elsewhere a number."""
    rate.fill_(value)
    for group in optimiser.param_groups:
        group["lr"] = rate if group["capturable"] else value
