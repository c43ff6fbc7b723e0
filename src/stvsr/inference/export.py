"""A network as a file that runs without our code: ONNX, or PyTorch's exported program.

The file takes a fixed number of input frames and renders fixed instants; height and width are free, or fixed. Before
it gets its name it is run (ONNX by ONNX Runtime) and compared with the network, at two sizes where they are free.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from stvsr.clip import Times
from stvsr.errors import MissingExtraError, OutputError, SettingsError, VerificationError
from stvsr.networks.base import Network
from stvsr.ops.deform import onnx_translation

OPSET = 20
"""Of ONNX; 19 brought DeformConv."""
TOLERANCE = 1e-3
"""A file that differs from its network by more than this is not kept. One level of 8 bits is 0.004."""
MOST_MULTIPLES = 1024
"""A free height or width goes up to so many times ``spec.multiple_of``."""
EXTRA = ("onnx", "onnxruntime", "onnxscript")

Run = Callable[[Float[Tensor, "1 t c h w"]], Float[Tensor, "1 s c H W"]]
"""An exported network, loaded again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written."""

    path: Path
    frames: int
    """How many input frames it takes."""
    times: tuple[Fraction, ...]
    """The instants it renders, in input frames."""
    sizes: tuple[tuple[int, int], ...]
    """The heights and widths at which it was compared with the network."""
    largest_difference: float
    """Between its output and the network's, over all of these; pictures are in [0, 1]."""


def export(
    network: Network,
    path: Path,
    *,
    frames: int | None = None,
    times: Times | None = None,
    size: tuple[int, int] | None = None,
    format: Literal["onnx", "torch"] = "onnx",
) -> ExportReport:
    """Write a network to a file, and prove that the file computes the same.

    The file's input ``clip`` is 1 t 3 h w, RGB in [0, 1]; its output ``frames`` is 1 s 3 H W. frames: t, by default 2
    or the fewest that the network takes. times: by default every half frame, or the network's own step. size: height
    and width; None leaves both free, in multiples of ``spec.multiple_of``. An existing file is replaced.
    Raises SettingsError for what the network or the exporter cannot do, MissingExtraError without ``stvsr[export]``,
    VerificationError where the file computes something else, OutputError where it cannot be written.
    """
    if format == "onnx":
        need_extra()
    spec, name = network.spec, type(network).__name__
    frames = frames or max(spec.min_frames, 2)
    instants = tuple(Fraction(time) for time in times) if times else every(spec.step or Fraction(1, 2), frames)
    sizes = (size,) if size else free_examples(spec.multiple_of)
    if any(side < 1 or side % spec.multiple_of for side in sizes[0]):
        raise SettingsError(
            f"{name} needs a height and width in multiples of {spec.multiple_of}, but {sizes[0][1]}x{sizes[0][0]} was "
            f"asked for. Round it up."
        )
    network = network.cpu().eval()
    partial = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    with quiet(), torch.inference_mode(False), torch.no_grad():
        clips = [torch.rand(1, frames, 3, *each) for each in sizes]
        network.check(clips[0], instants)
        # before the export: the constants that resizing keeps for later must not be the exporter's placeholders
        expected = [network.render(clip, instants) for clip in clips]
        program = traced(AtInstants(network, instants), clips[0], None if size else free_size(spec.multiple_of), format)
        try:
            run = save(program, partial)
            difference = max(float((run(clip) - its).abs().max()) for clip, its in zip(clips, expected, strict=True))
            if not difference <= TOLERANCE:
                raise VerificationError(
                    f"The exported {name} differs from the network by {difference:.2g}, more than {TOLERANCE:g}. "
                    f"Nothing was kept. Please report it with what `stvsr doctor` prints."
                )
            os.replace(partial, path)
        except OSError as error:
            raise OutputError(f"Cannot write {path}: {error}. Check the folder and the free space.") from error
        finally:
            partial.unlink(missing_ok=True)
    return ExportReport(path=path, frames=frames, times=instants, sizes=sizes, largest_difference=difference)


class AtInstants(nn.Module):
    """A network whose instants are settled."""

    def __init__(self, network: Network, times: Times) -> None:
        super().__init__()
        self.network, self.times = network, times

    def forward(self, clip: Tensor) -> Tensor:
        return self.network.render(clip, self.times)


def traced(module: AtInstants, clip: Tensor, free: dict[str, Any] | None, format: str) -> Any:
    """The program, as PyTorch (``ExportedProgram``) or ONNX (``ONNXProgram``) holds it."""
    try:
        program = torch.export.export(module, (clip,), dynamic_shapes=free)
        if format == "torch":
            return program
        return torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["clip"],
            output_names=["frames"],
            custom_translation_table=onnx_translation(),
            verbose=False,
        )
    except Exception as error:  # the exporters raise whatever they stumble over
        name = type(module.network).__name__
        reason = (str(error).splitlines() or [""])[0]
        cure = "Give a fixed one, such as --size 320x180." if free else "Choose another network."
        raise SettingsError(
            f"PyTorch cannot export {name} with a {'free' if free else 'fixed'} size ({type(error).__name__}: "
            f"{reason}). {cure}"
        ) from error


def save(program: Any, path: Path) -> Run:
    """Write a program, and load what was written."""
    if isinstance(program, ExportedProgram):
        torch.export.save(program, path)
        return torch.export.load(path).module()
    program.save(path)
    return load_onnx(path)


def load_onnx(path: Path) -> Run:
    """An ONNX file, run by ONNX Runtime on its CUDA device where it has one, else on the CPU."""
    from onnxruntime import InferenceSession, get_available_providers  # pyright: ignore[reportAttributeAccessIssue]

    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    session = InferenceSession(path, providers=[name for name in wanted if name in get_available_providers()])
    return lambda clip: torch.from_numpy(session.run(["frames"], {"clip": clip.contiguous().numpy()})[0])


def need_extra() -> None:
    """Raise MissingExtraError where ONNX cannot be written and run."""
    missing = [module for module in EXTRA if find_spec(module) is None]
    if missing:
        raise MissingExtraError(f"ONNX needs {', '.join(missing)}. Install it with: pip install 'stvsr[export]'")


def every(step: Fraction, frames: int) -> tuple[Fraction, ...]:
    """All instants from the first of so many frames to the last."""
    return tuple(step * i for i in range(int((frames - 1) / step) + 1))


def free_examples(multiple: int) -> tuple[tuple[int, int], ...]:
    """Two sizes, neither square, that stand for all."""
    return (4 * multiple, 6 * multiple), (7 * multiple, 5 * multiple)


def free_size(multiple: int) -> dict[str, Any]:
    height, width = Dim("height", min=2, max=MOST_MULTIPLES), Dim("width", min=2, max=MOST_MULTIPLES)
    return {"clip": {3: multiple * height, 4: multiple * width}}


@contextmanager
def quiet() -> Iterator[None]:
    """The exporters warn of what is no one's business here, such as that torchvision is missing."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
