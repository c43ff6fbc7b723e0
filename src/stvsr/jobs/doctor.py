"""Is this installation able to work? What is here, what is missing, and the cure."""

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from shutil import disk_usage, which
from tempfile import TemporaryDirectory
from typing import Literal

import av
import torch
from PIL import Image

from stvsr.errors import STVSRError
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.run import enhance
from stvsr.networks import NETWORKS
from stvsr.weights.catalog import ready_scales

ENCODERS = {"libx264": True, "libx265": False, "libsvtav1": False, "ffv1": True, "prores_ks": False}
"""Which codecs we write with, and whether we can do without."""
DECODERS = ("h264", "hevc", "av1", "vp9", "mpeg2video", "prores")
"""What films usually come in."""
EXTRAS = {
    "train": ("lightning_fabric", "cv2", "tensorboard"),
    "export": ("onnx", "onnxruntime", "onnxscript"),
    "demo": ("matplotlib", "skvideo"),
    "service": ("fastapi", "uvicorn", "psutil"),
    "web": ("gradio",),
    "docs": ("material", "mkdocs"),
}
WHEEL = "pip install --force-reinstall --only-binary av av"
OUR_OWN = "bicubic"
LITTLE_SPACE = 2 * 10**9
"""Bytes: less than a short film in 4K may need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    needed: bool = True
    """False: stvsr works without, but does less."""
    cure: str | None = None
    """What to do about it, where something is wrong."""


def examine() -> Iterator[Finding]:
    """Look at one thing after another; the last one is a short film, enhanced and verified."""
    yield Finding(name="python", ok=True, found=f"{platform.python_version()} on {platform.platform()}")
    yield package("stvsr")
    yield package("torch")
    yield package("av")
    yield Finding(name="devices", ok=True, found=", ".join(devices()))
    yield graphics_card()
    yield space(Path.cwd())
    for encoder, needed in ENCODERS.items():
        yield codec(f"encoder {encoder}", encoder, "w", needed=needed)
    for decoder in DECODERS:
        yield codec(f"decoder {decoder}", decoder, "r", needed=False)
    for name in NETWORKS:
        scales = ready_scales(name)
        yield Finding(
            name=f"network {name}",
            ok=bool(scales),
            found=f"ready at x{', x'.join(map(str, scales))}" if scales else "no trained weights",
            needed=name == OUR_OWN,
            cure=None if scales else "Train it with `stvsr train`, or install a version that comes with its weights.",
        )
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if not present(module)]
        yield Finding(
            name=f"extra {extra}",
            ok=not missing,
            found=f"missing {', '.join(missing)}" if missing else "present",
            needed=False,
            cure=f"pip install 'stvsr[{extra}]'" if missing else None,
        )
    yield self_test()


def package(name: str) -> Finding:
    try:
        return Finding(name=name, ok=True, found=version(name))
    except PackageNotFoundError:
        return Finding(name=name, ok=False, found="not installed", cure=f"{sys.executable} -m pip install {name}")


def devices() -> list[str]:
    """What PyTorch can compute on; the processor always."""
    found = [f"cpu ({torch.get_num_threads()} threads)"]
    found += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    return found + (["mps"] if torch.backends.mps.is_available() else [])


def graphics_card() -> Finding:
    """A card of NVIDIA's that PyTorch cannot use is the usual reason for slow work."""
    idle = which("nvidia-smi") is not None and not torch.cuda.is_available()
    return Finding(
        name="graphics card",
        ok=not idle,
        found="NVIDIA's driver is here, but this PyTorch cannot use it" if idle else "none lies idle",
        needed=False,
        cure="Install the PyTorch that https://pytorch.org/get-started names for your CUDA." if idle else None,
    )


def space(folder: Path) -> Finding:
    """Where results would be written by default, if the source lies here."""
    free = disk_usage(folder).free
    enough = free >= LITTLE_SPACE
    return Finding(
        name="free space",
        ok=enough,
        found=f"{free / 1e9:.1f} GB in {folder}",
        needed=False,
        cure=None if enough else "Make room, or write elsewhere: large films take large files.",
    )


def codec(what: str, name: str, mode: Literal["r", "w"], *, needed: bool) -> Finding:
    """Whether FFmpeg, as it is installed here, can read or write a codec."""
    try:
        av.Codec(name, mode)
    except ValueError:  # PyAV's UnknownCodecError
        return Finding(name=what, ok=False, found="absent", needed=needed, cure=f"Install PyAV from its wheel: {WHEEL}")
    return Finding(name=what, ok=True, found="present", needed=needed)


def present(module: str) -> bool:
    return find_spec(module) is not None


def self_test() -> Finding:
    """Enhance and verify a film of twelve small pictures with the network that ``enhance`` takes; a few seconds."""
    with TemporaryDirectory() as folder:
        pictures, film = Path(folder) / "pictures", Path(folder) / "film.mp4"
        pictures.mkdir()
        for index in range(12):
            shade = torch.linspace(0, 200, 64).add(index).to(torch.uint8)
            Image.fromarray(shade.expand(48, 64).numpy()).save(pictures / f"{index}.png")
        try:
            result = enhance(pictures, film, EnhanceSettings())
        except STVSRError as error:
            return Finding(name="self-test", ok=False, found=str(error), cure="Mend what is said above, or report it.")
        width, height = result.plan.size
        return Finding(
            name="self-test",
            ok=True,
            found=f"12 frames of 64x48 became {result.frames_out} of {width}x{height} by {result.plan.network} in "
            f"{result.seconds:.1f} s, proven",
        )
