"""Every network by its plain path and by its fast path, in one run: ``python benchmarks/paths.py [NETWORK ...]``

Plain: straight PyTorch in fp32, channels first, deformable convolution and warps by ``grid_sample``. Fast: what users
get, ``stvsr.inference.Engine``, in the same process, of which each row has its own. Four frames become seven; the fast
path is timed in turns with a plain 64-channel convolution, which is the ceiling (``stvsr.evaluation.speed``). The PSNR
between the pictures of the two, with what they span as the peak, shows what the speed costs. Untrained networks are as
fast as trained ones. Numbers are kept in ``docs/results/paths-DEVICE.json``, row by row, and the CPU's table is in
``docs/speed.md``. ``--lost`` instead renders Vid4 with all shipped weights, in fp32 and as users get it, and writes the
PSNR of both. On a GPU say ``--device cuda``, first with ``--check``, which only compares what is fast there with
what is plain; the fast path is then that of ``--runtime graphs``.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from unittest.mock import patch

import torch
from results import RESULTS, ROOT, VID4, commit, fill, processor
from torch import Tensor
from torch.nn import functional as F

from stvsr.evaluation.measure import evaluate_suite
from stvsr.evaluation.speed import KEYS, TIMES, alternate, plain_convolution, render_round, seconds
from stvsr.inference import RenderReport, RenderSettings
from stvsr.inference.engine import PRECISIONS, Engine
from stvsr.networks import NETWORKS, Network
from stvsr.networks.cost import windows
from stvsr.ops import correlate, deform, deform_plain, phases, warp
from stvsr.ops.deform import deform_conv2d
from stvsr.ops.streams import settled
from stvsr.video.colour import Colour
from stvsr.video.pixels import planes_from_rgb
from stvsr.weights.catalog import has_weights, load_network
from stvsr.weights.overview import counted

SIZES = {"112x64": (112, 64), "180x144": (180, 144)}
NAMES = ("unison-s", "unison-m", "cycmunet", "tp", "stinet", "mbnet", "yogo-64", "yogo-56")
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NAMES)}; all")
    parser.add_argument("--size", choices=SIZES, help="only this one; the larger takes an hour on two cores")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="auto", choices=list(PRECISIONS))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--lost", action="store_true")
    parser.add_argument("--results", type=Path)
    asked = parser.parse_args()
    if asked.check:
        check(torch.device(asked.device))
        return
    if asked.lost:
        measure_losses(asked.networks, asked.device)
        return
    kept = asked.results or RESULTS / f"paths-{asked.device}.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    for name in asked.networks or NAMES:
        for size in [asked.size] if asked.size else SIZES:
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:  # the engine changes how a process keeps memory
                row = fresh.submit(compare, name, *SIZES[size], asked.device, asked.precision).result()
            rows[f"{name} {size}"] = row
            kept.write_text(json.dumps(rows, indent=1) + "\n")
            print(f"{name} {size}", json.dumps(row), flush=True)
    if kept == RESULTS / "paths-cpu.json":
        fill(ROOT / "docs" / "speed.md", table(rows), "paths")


def compare(name: str, width: int, height: int, device: str, precision: str) -> dict:
    """One row: seconds per output frame of both paths, their ratio, the fraction of the ceiling, and their PSNR."""
    torch.manual_seed(0)
    network = with_no_silent_weights(load_network(name, 4, allow_untrained=True)).to(device).eval()
    clip = F.interpolate(torch.rand(KEYS, 3, height // 4, width // 4), (height, width), mode="bicubic").clamp(0, 1)

    @torch.inference_mode()
    def plain() -> Tensor:
        parts = windows(network.spec, KEYS, TIMES)
        with plain_path():
            return torch.cat([network(clip[None, part].to(device), times)[0].float() for part, times in parts])

    expected = plain().cpu()  # and a round to warm up
    slow = seconds(plain, torch.device(device))
    engine = engine_for(network, device, precision)

    def fast() -> Tensor:
        return render_round(engine, clip)

    convolve, ceiling = plain_convolution(width, height, engine.device, engine.precision)
    quick = alternate(fast, convolve, rounds=ROUNDS, device=engine.device)
    quick_seconds = median(ours for ours, _ in quick)
    span = max(1.0, float(expected.max() - expected.min()))  # noise as weights makes pictures far beyond 0 ... 1
    difference = (fast().cpu() - expected).square().mean() / span**2  # on a GPU, by now, of what the graph replays
    pixels = width * height / (180 * 144)
    return {
        "plain_seconds_per_frame": slow / len(TIMES),
        "fast_seconds_per_frame": quick_seconds / len(TIMES),
        "ratio": slow / quick_seconds,
        "fraction_of_ceiling": median(
            (pixels * counted()[name].macs_with_deformable / ours) / (ceiling / theirs) for ours, theirs in quick
        ),
        "psnr_between": float(-10 * difference.clamp(min=1e-12).log10()),
        "precision": str(engine.precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "machine": machine_of(device),
        "torch": torch.__version__,
        "commit": commit(),
    }


def engine_for(network: Network, device: str, precision: str) -> Engine:
    runtime = "graphs" if device == "cuda" else "torch"
    settings = RenderSettings(device=device, precision=precision, runtime=runtime)  # pyright: ignore[reportArgumentType]
    return Engine(network, settings, RenderReport())


@torch.no_grad()
def with_no_silent_weights(network: Network) -> Network:
    """Untrained networks that begin as plain enlargement hold zeros, which would hide all differences behind them."""
    for parameter in network.parameters():
        if not parameter.any():
            parameter.normal_(std=0.02)
    return network


@contextmanager
def plain_path() -> Iterator[None]:
    """Without the fast operations."""
    with (
        patch.object(deform, "path_for", lambda _: deform_plain),
        patch.object(deform, "find_spec", lambda _: None),
        patch.object(warp, "only_looks", lambda _: False),
        patch.object(correlate, "only_looks", lambda _: False),
        patch.object(phases, "only_looks", lambda _: False),
    ):
        yield


def measure_losses(networks: Sequence[str], device: str) -> None:
    """Those of these networks, or of all with weights, on this device; the CPU's table is in ``docs/speed.md``."""
    kept = RESULTS / f"lost-{device}.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    for name in networks or [name for name in NETWORKS if has_weights(name, 4)]:
        rows[name] = psnr_by_both(name, device)
        kept.write_text(json.dumps(rows, indent=1) + "\n")
    if device == "cpu":
        fill(ROOT / "docs" / "speed.md", table_of_losses(rows), "lost")


def psnr_by_both(name: str, device: str) -> dict:
    """PSNR on all of Vid4, in fp32 and in the precision that users get."""
    networks = [(name, load_network(name, 4))]
    settings = (RenderSettings(device=device, precision="fp32"), RenderSettings(device=device))
    exact, usual = (evaluate_suite("vid4", VID4, networks, settings=each).results[0].scores.psnr_y for each in settings)
    print(f"{name}: {exact:.4f} dB in fp32, {usual:.4f} as users get it", flush=True)
    return {"fp32": exact, "usual": usual, "machine": machine_of(device), "commit": commit()}


def table_of_losses(found: dict[str, dict]) -> str:
    lines = ["| shipped weights, x4 | fp32 | as users get it | difference |", "|---|---|---|---|"]
    for name, row in found.items():
        exact, usual = row["fp32"], row["usual"]
        lines.append(f"| {name} | {exact:.3f} | {usual:.3f} | {usual - exact:+.4f} dB |")
    return "\n".join([*lines, "", f"PSNR on Vid4 (Y). {made_by(found, ' --lost')}"])


def machine_of(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else processor()


def made_by(rows: dict[str, dict], option: str = "") -> str:
    machines, commits = (", ".join(sorted({row[what] for row in rows.values()})) for what in ("machine", "commit"))
    return f"{machines}; commit {commits}; written by `python benchmarks/paths.py{option}`."


def table(rows: dict[str, dict]) -> str:
    lines = [
        "| network and input | plain | fast | ratio | of the ceiling | precision | PSNR between the two |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['plain_seconds_per_frame']:.3f} | {row['fast_seconds_per_frame']:.3f} | {row['ratio']:.1f} "
        f"| {row['fraction_of_ceiling']:.2f} | {row['precision']} | {row['psnr_between']:.1f} dB |"
        for name, row in rows.items()
    ]
    threads = ", ".join(sorted({str(row["threads"]) for row in rows.values()}))
    lines += ["", f"Seconds per output frame, x4, untrained. {threads} threads of {made_by(rows)}"]
    return "\n".join(lines)


def check(device: torch.device) -> None:
    """The fast deformable convolution against the plain one on this device, forward and backward; the planes of a film
    against the CPU's; then every network in all precisions against fp32 on the CPU, three times, so that a graph is
    recorded and replayed."""
    for dtype, allowed in ((torch.float32, 1e-3), (torch.bfloat16, 5e-2), (torch.float16, 1e-2)):
        torch.manual_seed(0)
        shapes = ((2, 64, 36, 44), (2, 144, 36, 44), (2, 72, 36, 44), (64, 64, 3, 3))
        inputs = [
            (torch.randn(shape) * size).to(device, dtype) for shape, size in zip(shapes, (1, 2, 1, 0.05), strict=True)
        ]
        ours = [tensor.clone().requires_grad_() for tensor in inputs]
        theirs = [tensor.float().clone().requires_grad_() for tensor in inputs]
        got = deform_conv2d(*ours)
        with plain_path():
            wanted = deform_conv2d(*theirs)
            wanted.square().mean().backward()
        got.float().square().mean().backward()
        pairs = [("forward", got, wanted)]
        pairs += [(f"gradient {n}", a.grad, b.grad) for n, (a, b) in enumerate(zip(ours, theirs, strict=True))]
        for what, a, b in pairs:
            error = float((a.detach().float() - b.detach()).norm() / b.detach().norm())
            print(f"deform {dtype} {what}: {error:.2e} {'ok' if error < allowed else 'WRONG'}", flush=True)
    image, colour = torch.rand(3, 96, 128), Colour(matrix=1, full_range=False, primaries=1, transfer=1)
    for pixel_format in ("yuv420p", "yuv420p10le", "gbrp"):
        there = planes_from_rgb(settled(image.to(device)), colour, pixel_format)
        pairs = zip(there, planes_from_rgb(image, colour, pixel_format), strict=True)
        apart = max(int(abs(ours.astype(int) - theirs).max()) for ours, theirs in pairs)
        print(f"planes of {pixel_format}: at most {apart} apart {'ok' if apart <= 1 else 'WRONG'}", flush=True)
    for name in NAMES:
        torch.manual_seed(0)
        network = load_network(name, 4, allow_untrained=True)
        clip = torch.rand(network.spec.max_frames or 4, 3, 32, 32)
        times = [0, TIMES[1], 1]
        with torch.inference_mode():
            wanted = network(clip[None], times)[0]
        for precision in ("fp32", "bf16", "fp16"):
            engine = engine_for(network, device.type, precision)
            found = [engine.run(clip, times, engine.precision).cpu() for _ in range(3)]
            errors = ", ".join(f"{float((frames - wanted).abs().mean()):.2e}" for frames in found)
            print(f"{name} {precision}: mean differences {errors}", flush=True)


if __name__ == "__main__":
    main()
