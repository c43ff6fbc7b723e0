"""How fast a network is here, and how much of what this machine can do it uses.

The yardstick is a plain 64-channel 3x3 convolution on a map of the input's size, channels last, in the same precision
and with the same threads: its multiply-accumulates per second are the *ceiling*. The network and the convolution are
timed in turns, so that whatever else the machine does slows both; medians of the rounds are reported. Speed does not
depend on what the weights hold, so untrained networks may be measured.
"""

import gc
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stvsr.errors import SettingsError
from stvsr.inference.engine import PRECISIONS, Engine, RenderReport, RenderSettings
from stvsr.inference.int8 import Int8Conv
from stvsr.networks.cost import cost, windows
from stvsr.weights.catalog import load_network

KEYS = 4
TIMES: Sequence[Fraction] = tuple(Fraction(index, 2) for index in range(2 * KEYS - 1))
CEILING_WIDTH, CEILING_LAYERS = 64, 8
ROUNDS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What ``stvsr bench`` reports."""

    network: str
    size: str
    """Width x height of the input."""
    scale: int
    device: str
    precision: str
    threads: int
    seconds_per_output_frame: float
    """Four key frames become seven frames; the median round."""
    fraction_of_ceiling: float
    """Multiply-accumulates per second, over those of a plain convolution in the same round; the median round."""
    macs: int
    """Multiply-accumulates of one round, as ``stvsr.networks.cost`` counts them."""
    parameters: int
    peak_memory_bytes: int
    """Of a fresh process that imports everything and renders one round; on a GPU, of the GPU's memory."""
    start_seconds: float
    """From starting that process to its first rendered frames."""
    versions: dict[str, str]


def bench(
    name: str, *, width: int = 180, height: int = 144, scale: int = 4, settings: RenderSettings | None = None
) -> Speed:
    """Measure a network's speed on this machine; takes a few seconds to a few minutes.

    name: one of ``NETWORKS``. width and height: of the input, in pixels.
    Raises SettingsError for an unknown network, scale or device, or a size below 16 x 16.
    """
    if min(width, height) < 16:
        raise SettingsError(f"A {width}x{height} input is too small to time. Ask for at least 16x16, such as 180x144.")
    settings = settings or RenderSettings()
    network = load_network(name, scale, allow_untrained=True)
    engine = Engine(network, settings, RenderReport())
    peak, start = fresh_process(name, width, height, scale, settings)
    costs = cost(load_network(name, scale, allow_untrained=True), keys=KEYS, height=height, width=width, times=TIMES)
    clip = torch.rand(KEYS, 3, height, width)
    convolve, ceiling_macs = plain_convolution(width, height, engine.device, engine.precision)
    rounds = alternate(lambda: render_round(engine, clip), convolve, rounds=ROUNDS, device=engine.device)
    return Speed(
        network=name,
        size=f"{width}x{height}",
        scale=scale,
        device=str(engine.device),
        precision=next(short for short, dtype in PRECISIONS.items() if dtype is engine.precision),
        threads=torch.get_num_threads(),
        seconds_per_output_frame=median(ours for ours, _ in rounds) / len(TIMES),
        fraction_of_ceiling=median((costs.macs / ours) / (ceiling_macs / theirs) for ours, theirs in rounds),
        macs=costs.macs,
        parameters=costs.parameters,
        peak_memory_bytes=peak,
        start_seconds=start,
        versions={"python": platform.python_version(), "torch": torch.__version__, "stvsr": version("stvsr")},
    )


def render_round(engine: Engine, clip: Float[Tensor, "t c h w"]) -> Float[Tensor, "s c H W"]:
    """Four frames become seven; a network that takes fewer at once renders them window by window."""
    parts = [engine.run(clip[part], times, engine.precision) for part, times in windows(engine.spec, KEYS, TIMES)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def plain_convolution(
    width: int, height: int, device: torch.device, precision: torch.dtype
) -> tuple[Callable[[], object], int]:
    """What the machine does best at this size: a few layers of it, and their multiply-accumulates."""
    layer = nn.Conv2d(CEILING_WIDTH, CEILING_WIDTH, 3, padding=1, bias=False, device=device)
    maps = torch.rand(1, CEILING_WIDTH, height, width, device=device)
    if precision == torch.int8:  # its input comes in fp32, and the rounding counts
        layer, precision = Int8Conv(layer), torch.float32
    layer = layer.to(dtype=precision, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    maps = maps.to(dtype=precision, memory_format=torch.channels_last)

    @torch.inference_mode()
    def convolve() -> None:
        for _ in range(CEILING_LAYERS):
            layer(maps)

    return convolve, CEILING_LAYERS * 9 * CEILING_WIDTH**2 * height * width


def alternate(
    ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int, device: torch.device
) -> list[tuple[float, float]]:
    """Seconds of both actions, in turns, after a round to warm up. The second is timed before and after the first."""
    timed = []
    for _ in range(rounds + 1):
        before, main, after = seconds(theirs, device), seconds(ours, device), seconds(theirs, device)
        timed.append((main, (before + after) / 2))
    return timed[1:]


def seconds(action: Callable[[], object], device: torch.device) -> float:
    wait_for(device)
    began = time.perf_counter()
    action()
    wait_for(device)
    return time.perf_counter() - began


def wait_for(device: torch.device) -> None:
    if device.type != "cpu":
        torch.get_device_module(device).synchronize(device)


def fresh_process(name: str, width: int, height: int, scale: int, settings: RenderSettings) -> tuple[int, float]:
    """Peak memory in bytes, and seconds from the start to the first frames, of a process that does nothing else."""
    arguments = [name, str(width), str(height), str(scale), settings.device, settings.precision]
    patience = f"import gc; gc.set_threshold{gc.get_threshold()}"  # as the command line has set it
    code = f"{patience}; from stvsr.evaluation.speed import render_once; render_once()"
    began = time.time()
    told = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    facts = json.loads(told.stdout)
    return facts["peak_memory_bytes"], facts["rendered_at"] - began


def render_once() -> None:
    """What the fresh process runs: renders one round of noise and prints what it took."""
    name, width, height, scale, device, precision = sys.argv[1:]
    settings = RenderSettings(device=device, precision=precision)  # pyright: ignore[reportArgumentType]
    engine = Engine(load_network(name, int(scale), allow_untrained=True), settings, RenderReport())
    render_round(engine, torch.rand(KEYS, 3, int(height), int(width)))
    wait_for(engine.device)
    print(json.dumps({"rendered_at": time.time(), "peak_memory_bytes": peak_memory(engine.device)}))


def peak_memory(device: torch.device) -> int:
    """Of this process so far, in bytes; on a GPU, of the GPU's memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():  # not ru_maxrss: on Linux a new process inherits it from the one that started it
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(held.split()[1]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
