"""The training loop, straight down the page.

On CUDA the whole step (forward, backward, clipping, optimiser, EMA) is captured once per cadence as a CUDA graph and
replayed: these networks are many small convolutions, and launching them one by one takes longer than running them.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from copy import deepcopy
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from stvsr.blocks.residual import Trunk
from stvsr.data.sampler import Batch, Cadence
from stvsr.data.source import Clip, Source
from stvsr.errors import SettingsError, TrainingError, WeightsError
from stvsr.networks import NETWORKS, Network
from stvsr.networks.base import Grows
from stvsr.training.checkpoint import Checkpoint, Spent
from stvsr.training.log import Log
from stvsr.training.material import open_material
from stvsr.training.perceptual import no_perceptual_term, perceptual_term
from stvsr.training.recipe import Recipe
from stvsr.training.step import OPTIMISERS, capture, forward, learning_parts, portions, set_rate, share_gradients
from stvsr.weights.catalog import network_of
from stvsr.weights.files import Weights, load_weights

Validate = Callable[[Network, Sequence[Clip]], Mapping[str, float]]
"""Measures a network on clips: numbers by their names."""


def train(
    recipe: Recipe,
    data: Path | Source,
    out: Path,
    *,
    minutes: float = math.inf,
    initial: Path | None = None,
    compiled: bool = False,
    processes: int = 1,
    ahead: int = 2,
    validate: Validate | None = None,
    validate_every: int = 2000,
    log_every: int = 100,
    checkpoint_minutes: float = 3,
    report: Callable[[str], None] = print,
) -> Path:
    """Train until the recipe's last step or for so many minutes, and return the folder of the checkpoint.

    Run again with the same arguments to go on where the last checkpoint stopped: the same batches follow.
    data: a path, or what was opened before. initial: a weight file to start from, instead of fresh weights.
    compiled: fuse the trunks' small operations (a minute of compilation; pays on CUDA). processes: share each batch
    among so many processes, one per device; on a CPU, where small crops leave threads waiting for each other, one per
    core. ahead: so many batches are drawn beside the computing. validate: measures the averaged network on what is held
    out, every so many steps and at the end. Raises TrainingError for bad data, a checkpoint of another recipe, or a
    loss that is not finite; WeightsError for an ``initial`` that does not fit, or missing weights of VGG.
    """
    fabric = Fabric(
        accelerator="auto",
        devices=processes,
        strategy="auto" if processes == 1 else "ddp",
        precision=recipe.precision,  # pyright: ignore[reportArgumentType]
    )
    if recipe.batch % processes:
        raise SettingsError(f"A batch of {recipe.batch} clips cannot be shared equally among {processes} processes.")
    if processes > 1:
        fabric.launch()
    if not fabric.is_global_zero:
        report = silent
    fabric.seed_everything(recipe.seed, verbose=False)
    started = time.monotonic()
    network = NETWORKS[recipe.network](scale=recipe.scale, **recipe.config)
    if initial is not None:
        begin_from(network, load_weights(initial), recipe, initial)
    network = network.to(fabric.device, memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    average = deepcopy(network).eval().requires_grad_(False)
    if compiled:
        for module in network.modules():
            if isinstance(module, Trunk):
                module.compile()
    rate = torch.zeros((), device=fabric.device)  # a tensor, so that a captured step reads its present value
    on_cuda = fabric.device.type == "cuda"
    learning = learning_parts(network, recipe.parts)
    optimiser = OPTIMISERS[recipe.optimiser.kind](
        learning,
        lr=rate if on_cuda else 0.0,
        betas=(recipe.optimiser.beta1, recipe.optimiser.beta2),
        capturable=on_cuda,
    )
    done = torch.zeros((), device=fabric.device)  # share of the run that lies behind us
    follow = get_ema_multi_avg_fn(recipe.optimiser.ema)
    likeness = perceptual_term(recipe.perceptual, fabric.device) if recipe.perceptual.weight else no_perceptual_term
    material = open_material(recipe, data, fabric, report)
    report(f"ready after {time.monotonic() - started:.0f} s")

    checkpoint = Checkpoint(out, recipe)
    before = checkpoint.load(network, average, optimiser)
    step = before.step
    log = Log(out / "log", step, material.held_out, recipe.cadences[0]) if fabric.is_global_zero else None

    def learn(batch: Batch, *, along: bool) -> dict[str, Tensor]:
        for parameter in learning:
            if parameter.grad is not None:
                parameter.grad.zero_()  # kept in place: a captured step writes to the same memory every time
        told: list[dict[str, Tensor]] = []
        for part in portions(batch, recipe.accumulate):
            with fabric.autocast():
                output = forward(network, part, along=along)
            loss, terms = recipe.losses(output, part, done)
            unlike, more = likeness(output.frames, part.frames)
            loss = loss + unlike
            fabric.backward(loss / recipe.accumulate)
            told.append(terms | more | {"loss": loss.detach()})
        if fabric.world_size > 1:
            share_gradients(fabric, learning)
        if recipe.optimiser.clip:
            torch.nn.utils.clip_grad_norm_(learning, recipe.optimiser.clip)
        optimiser.step()
        follow(list(average.parameters()), list(network.parameters()), None)
        return {name: torch.stack([terms[name] for terms in told]).mean() for name in told[0]}

    def save() -> None:
        if not all(bool(parameter.isfinite().all()) for parameter in learning):
            raise not_finite(math.nan, step, out, recipe)
        if log:
            log.flush()  # what is behind the checkpoint must not be lost with the process
        spent = Spent(
            step, before.seconds + time.monotonic() - started, before.cpu_seconds + time.process_time() - cpu_started
        )
        checkpoint.save(network, average, optimiser, spent, material.seen)

    def look() -> None:
        """Measure the averaged network, and show what it makes of a clip."""
        assert log is not None
        quality = validate(average, material.held_out) if validate and material.held_out else {}
        for name, value in quality.items():
            log.number(f"held_out/{name}", value, step)
        log.pictures(average, step)
        if quality:
            values = ", ".join(f"{name} {value:.4g}" for name, value in quality.items())
            report(f"held-out shots at step {step}: {values}")

    learners: dict[tuple[Cadence, bool], Callable[[Batch], dict[str, Tensor]]] = {}
    session, last_saved, first_step, cpu_started = time.monotonic(), time.monotonic(), step, time.process_time()
    with closing(material.sampler.batches(step, ahead=ahead)) as batches:
        while step < recipe.steps:
            if step % 20 == 0 and fabric.broadcast(time.monotonic() - started > 60 * minutes):
                break
            batch = next(batches)
            set_rate(optimiser, rate, recipe.optimiser.rate(step, recipe.steps))
            done.fill_(step / recipe.steps)
            kind = batch.cadence, recipe.goes_along(step)
            if kind not in learners:
                learner = partial(learn, along=kind[1])
                learners[kind] = capture(learner, batch) if on_cuda else learner
                session, first_step = time.monotonic(), step + int(on_cuda)
            terms = learners[kind](batch)
            step += 1

            if step % log_every == 0 or step == recipe.steps:
                values = over_processes(fabric, terms)
                if not math.isfinite(values["loss"]):
                    raise not_finite(values["loss"], step, out, recipe)
                if log:
                    for name, value in values.items():
                        log.number(f"loss/{name}", value, step)
                if step % 500 == 0 or step == recipe.steps:
                    speed = (step - first_step) / max(time.monotonic() - session, 1e-6)
                    told = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
                    report(f"step {step} of {recipe.steps}, {speed:.1f} steps/s, {told}")
            if log and time.monotonic() - last_saved > 60 * checkpoint_minutes:
                save()
                last_saved = time.monotonic()
            if log and step % validate_every == 0 and step < recipe.steps:
                look()

    if log:
        save()
        look()
        log.close()
    fabric.barrier()
    if not fabric.is_global_zero:
        raise SystemExit(0)  # the other processes were here for the gradients
    return checkpoint.folder


def over_processes(fabric: Fabric, terms: Mapping[str, Tensor]) -> dict[str, float]:
    """Each term's mean over the shares of the batch."""
    mean = torch.stack(list(terms.values())).float()
    if fabric.world_size > 1:
        mean = fabric.all_reduce(mean, reduce_op="mean")
        assert isinstance(mean, Tensor)
    return dict(zip(terms, mean.tolist(), strict=True))


def silent(_: str) -> None:
    """What the processes beside the first report."""


def not_finite(loss: float, step: int, out: Path, recipe: Recipe) -> TrainingError:
    """Why the run stops."""
    return TrainingError(
        f"The loss is {loss} at step {step}. The last checkpoint in {out}, if there is one, is sound: "
        f"start again from it with a lower rate, --set optimiser.lr={recipe.optimiser.lr / 2:g}."
    )


def begin_from(network: Network, held: Weights, recipe: Recipe, path: Path) -> None:
    """Take over the weights of a file. Parts that the file does not have at all keep their fresh ones: so a stage
    with more parts begins from one with fewer; and ``unison-s-real``, which is ``unison-s`` by its build, from
    that; and ``unison-m``, which is larger, computes at first what ``unison-s`` does, and x2 about what x4 does.
    Raises WeightsError where anything else differs."""
    own = network.state_dict()
    parts = {key.split(".")[0] for key in held.tensors}
    expected = {key: weight.shape for key, weight in own.items() if key.split(".")[0] in parts}
    found = {key: weight.shape for key, weight in held.tensors.items()}
    same_build = NETWORKS.get(held.network) is NETWORKS[recipe.network]
    if same_build and held.scale == recipe.scale and expected == found:
        network.load_state_dict(own | held.tensors)
        return
    if held.network in NETWORKS and isinstance(network, Grows):
        small = network_of(held, path, held.network, held.scale)
        with suppress(SettingsError):  # what does not fit is told below
            network.grow_from(small)
            return
    raise WeightsError(
        f"{path} holds {held.network} x{held.scale} {held.config or ''}, which does not fit the recipe's "
        f"{recipe.network} x{recipe.scale} {recipe.config or ''}. Give a file of the same network."
    )
