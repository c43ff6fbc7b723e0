"""Is this installation able to work? What is here, what is missing, and the cure."""

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

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
EXTRAS = {
    "train": ("lightning_fabric", "cv2", "tensorboard"),
    "export": ("onnx", "onnxruntime", "onnxscript"),
    "demo": ("matplotlib", "skvideo"),
    "service": ("fastapi", "uvicorn", "psutil"),
}
OUR_OWN = "bicubic"


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
    for encoder, needed in ENCODERS.items():
        here = encoder in av.codecs_available
        yield Finding(
            name=f"encoder {encoder}",
            ok=here,
            found="present" if here else "absent",
            needed=needed,
            cure=None if here else "Install PyAV from its wheel: pip install --force-reinstall --only-binary av av",
        )
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


def present(module: str) -> bool:
    return find_spec(module) is not None


def self_test() -> Finding:
    """Enhance and verify a film of six small pictures."""
    with TemporaryDirectory() as folder:
        pictures, film = Path(folder) / "pictures", Path(folder) / "film.mkv"
        pictures.mkdir()
        for index in range(6):
            shade = torch.linspace(0, 200, 64).add(index).to(torch.uint8)
            Image.fromarray(shade.expand(48, 64).numpy()).save(pictures / f"{index}.png")
        try:
            result = enhance(pictures, film, EnhanceSettings(scale=2, network=OUR_OWN))
        except STVSRError as error:
            return Finding(name="self-test", ok=False, found=str(error), cure="Mend what is said above, or report it.")
        return Finding(
            name="self-test", ok=True, found=f"6 frames became {result.frames_out} in {result.seconds:.1f} s"
        )
