"""The training loop, straight down the page.

On CUDA the whole step (forward, backward, clipping, optimiser, EMA) is captured once per cadence as a CUDA graph and
replayed: these networks are many small convolutions, and launching them one by one takes longer than running them.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter

from stvsr.blocks.residual import Trunk
from stvsr.data.degrade import from_bytes, round_to_8_bits, shrink
from stvsr.data.open import open_source, open_stills
from stvsr.data.sampler import Batch, Cadence, Sampler
from stvsr.data.source import Clip
from stvsr.errors import SettingsError, TrainingError, WeightsError
from stvsr.networks import NETWORKS, Network
from stvsr.training.recipe import DEGRADATIONS, Recipe
from stvsr.weights.files import Weights, load_weights


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    minutes: float = math.inf,
    initial: Path | None = None,
    compiled: bool = False,
    processes: int = 1,
    checkpoint_minutes: float = 3,
    report: Callable[[str], None] = print,
) -> Path:
    """Train until the recipe's last step or for so many minutes, and return the folder of the checkpoint.

    Run again with the same arguments to go on where the last checkpoint stopped: the same batches follow.
    initial: a weight file to start from, instead of fresh weights. compiled: fuse the trunks' small
    operations (a minute of compilation; pays on CUDA). processes: share each batch among so many processes, one per
    device; on a CPU, where small crops leave threads waiting for each other, one per core. Raises TrainingError for
    bad data, a checkpoint of another recipe, or a loss that is not finite; WeightsError for an ``initial`` that does
    not fit.
    """
    fabric = Fabric(
        accelerator="auto",
        devices=processes,
        strategy="auto" if processes == 1 else "ddp",
        precision=recipe.precision,  # pyright: ignore[reportArgumentType]
    )
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

    source = open_source(data, report=report)
    held_out = [clip for clip in source.clips if clip.name.startswith(recipe.held_out)]
    kept = (open_stills(data, report=report) if recipe.stills else source).only(
        lambda name: not name.startswith(recipe.held_out)
    )
    sampler = Sampler(
        kept,
        recipe.cadences,
        scale=recipe.scale,
        crop=(recipe.crop, recipe.crop_width or recipe.crop),
        batch_size=recipe.batch,
        seed=recipe.seed,
        device=fabric.device,
        degradation=DEGRADATIONS[recipe.degradation],
        flow=recipe.flow,
        process=fabric.global_rank,
        processes=fabric.world_size,
    )
    count = sum(len(clip) for clip in kept.clips)
    report(f"{len(kept.clips)} clips, {count} frames, ready after {time.monotonic() - started:.0f} s")

    checkpoint = Checkpoint(out, recipe)
    step, seconds = checkpoint.load(network, average, optimiser)
    writer = SummaryWriter(str(out / "log")) if fabric.is_global_zero else None

    def learn(batch: Batch) -> dict[str, Tensor]:
        for parameter in learning:
            if parameter.grad is not None:
                parameter.grad.zero_()  # kept in place: a captured step writes to the same memory every time
        told: list[dict[str, Tensor]] = []
        for part in portions(batch, recipe.accumulate):
            with fabric.autocast():
                output = network.training_forward(part.clip, part.cadence.times)
            loss, terms = recipe.losses(output, part, done)
            fabric.backward(loss / recipe.accumulate)
            told.append(terms | {"loss": loss.detach()})
        if fabric.world_size > 1:
            share_gradients(fabric, learning)
        if recipe.optimiser.clip:
            torch.nn.utils.clip_grad_norm_(learning, recipe.optimiser.clip)
        optimiser.step()
        follow(list(average.parameters()), list(network.parameters()), None)
        return {name: torch.stack([terms[name] for terms in told]).mean() for name in told[0]}

    learners: dict[Cadence, Callable[[Batch], dict[str, Tensor]]] = {}
    session, last_saved, first_step = time.monotonic(), time.monotonic(), step
    while step < recipe.steps:
        if step % 20 == 0 and fabric.broadcast(time.monotonic() - started > 60 * minutes):
            break
        batch = sampler.batch(step)
        set_rate(optimiser, rate, recipe.optimiser.rate(step, recipe.steps))
        done.fill_(step / recipe.steps)
        if on_cuda and batch.cadence not in learners:
            learners[batch.cadence] = capture(learn, batch)
            session, first_step = time.monotonic(), step + 1
        terms = learners.get(batch.cadence, learn)(batch)
        step += 1

        if step % 100 == 0 or step == recipe.steps:
            values = {name: float(value) for name, value in terms.items()}
            if not math.isfinite(values["loss"]):
                raise TrainingError(
                    f"The loss is {values['loss']} at step {step}. The last checkpoint in {out} is sound: "
                    f"start again from it with a lower rate, --set optimiser.lr={recipe.optimiser.lr / 2:g}."
                )
            if writer:
                for name, value in values.items():
                    writer.add_scalar(f"loss/{name}", value, step)
            if step % 500 == 0 or step == recipe.steps:
                speed = (step - first_step) / max(time.monotonic() - session, 1e-6)
                report(
                    f"step {step} of {recipe.steps}, {speed:.1f} steps/s, "
                    + ", ".join(f"{k} {v:.4f}" for k, v in values.items())
                )
        if fabric.is_global_zero and time.monotonic() - last_saved > 60 * checkpoint_minutes:
            checkpoint.save(network, average, optimiser, step, seconds + time.monotonic() - started)
            last_saved = time.monotonic()

    if writer:
        checkpoint.save(network, average, optimiser, step, seconds + time.monotonic() - started)
        quality = validate(average, held_out, recipe.scale, fabric.device) if held_out else {}
        for name, value in quality.items():
            writer.add_scalar(f"held_out/{name}", value, step)
        report(f"held-out shots at step {step}: " + ", ".join(f"{name} {value:.2f}" for name, value in quality.items()))
        writer.close()
    fabric.barrier()
    if not fabric.is_global_zero:
        raise SystemExit(0)  # the other processes were here for the gradients
    return checkpoint.folder


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


def silent(_: str) -> None:
    """What the processes beside the first report."""


def begin_from(network: Network, held: Weights, recipe: Recipe, path: Path) -> None:
    """Take over the weights of a file. Parts that the file does not have at all keep their fresh ones: so a stage
    with more parts begins from one with fewer. Raises WeightsError where anything else differs."""
    own = network.state_dict()
    parts = {key.split(".")[0] for key in held.tensors}
    expected = {key: weight.shape for key, weight in own.items() if key.split(".")[0] in parts}
    found = {key: weight.shape for key, weight in held.tensors.items()}
    if (held.network, held.scale) != (recipe.network, recipe.scale) or expected != found:
        raise WeightsError(
            f"{path} holds {held.network} x{held.scale} {held.config or ''}, which does not fit the recipe's "
            f"{recipe.network} x{recipe.scale} {recipe.config or ''}. Give a file of the same network."
        )
    network.load_state_dict(own | held.tensors)


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
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            learn(still)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        terms = learn(still)

    def replay(batch: Batch) -> dict[str, Tensor]:
        for name in tensors:
            getattr(still, name).copy_(getattr(batch, name))
        graph.replay()
        return terms

    return replay


def set_rate(optimiser: torch.optim.Optimizer, rate: Tensor, value: float) -> None:
    """Where the step is captured the rate is a tensor that it reads; elsewhere a number."""
    rate.fill_(value)
    for group in optimiser.param_groups:
        group["lr"] = rate if group["capturable"] else value


@torch.no_grad()
def validate(network: Network, clips: list[Clip], scale: int, device: torch.device) -> dict[str, float]:
    """PSNR (RGB) of input frames and of frames between, over the middle seven frames of each held-out clip, and how
    far the flow reaches: a dead flow shows as a length near zero."""
    keys: list[float] = []
    between: list[float] = []
    length: list[float] = []
    for clip in clips:
        first = len(clip) // 2 - 3
        frames = clip.read(range(first, first + 7))
        unit = 8 * scale  # training_forward does not pad
        height, width = (size // unit * unit for size in frames.shape[-2:])
        true = from_bytes(frames[None, ..., :height, :width].to(device))
        output = network.training_forward(shrink(true[:, ::2], scale), [index / 2 for index in range(7)])
        error = (round_to_8_bits(output.frames) - true).square().mean((0, 2, 3, 4))
        psnr = (-10 * error.log10()).tolist()
        keys += psnr[::2]
        between += psnr[1::2]
        if "flow_forth" in output.extras:
            length.append(float(output.extras["flow_forth"].square().sum(2).sqrt().mean()))
    quality = {"psnr_key": keys, "psnr_between": between, "flow_length": length}
    return {name: sum(values) / len(values) for name, values in quality.items() if values}


class Checkpoint:
    """A folder with the network and its average, and with the optimiser's state, as tensors and plain values only."""

    def __init__(self, out: Path, recipe: Recipe) -> None:
        self.folder = out / "checkpoint"
        self.recipe = json.dumps(asdict(recipe), default=str)

    def save(
        self, network: Network, average: Network, optimiser: torch.optim.Optimizer, step: int, seconds: float
    ) -> None:
        """Write beside the old checkpoint, then swap: a kill at any moment leaves one that is whole."""
        fresh = self.folder.with_name("checkpoint.new")
        fresh.mkdir(parents=True, exist_ok=True)
        facts = {"recipe": self.recipe, "step": step, "seconds": seconds}
        torch.save(facts | {"network": network.state_dict(), "average": average.state_dict()}, fresh / "network.pt")
        torch.save({"state": optimiser.state_dict()["state"]}, fresh / "optimiser.pt")
        old = self.folder.with_name("checkpoint.old")
        if self.folder.exists():
            self.folder.rename(old)
        fresh.rename(self.folder)
        for file in old.glob("*"):
            file.unlink()
        if old.exists():
            old.rmdir()

    def steps(self) -> int:
        """How many are done. Raises TrainingError where they were done by another recipe."""
        folder = self.place()
        return 0 if folder is None else self.facts(folder)["step"]

    def place(self) -> Path | None:
        """Where the newest whole checkpoint lies."""
        places = (self.folder, self.folder.with_name("checkpoint.old"))
        return next((place for place in places if place.exists()), None)

    def facts(self, folder: Path) -> dict[str, Any]:
        facts = torch.load(folder / "network.pt", weights_only=True, map_location="cpu")
        if facts["recipe"] != self.recipe:
            raise TrainingError(
                f"The checkpoint in {folder} was written by another recipe. Use a fresh --out, or the same settings."
            )
        return facts

    def load(self, network: Network, average: Network, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
        """Restore, and return the step and the seconds spent so far; (0, 0.0) where there is no checkpoint yet."""
        folder = self.place()
        if folder is None:
            return 0, 0.0
        facts = self.facts(folder)
        network.load_state_dict(facts["network"])
        average.load_state_dict(facts["average"])
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict(
            {
                "state": torch.load(folder / "optimiser.pt", weights_only=True, map_location="cpu")["state"],
                "param_groups": groups,
            }
        )
        return facts["step"], facts["seconds"]
