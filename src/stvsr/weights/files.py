"""A weight file: safetensors, with all that is needed to build its network again in the header. Never a pickle."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from stvsr.errors import OutputError, WeightsError

FORMAT = "stvsr-weights-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a weight file holds."""

    network: str
    """The name in ``NETWORKS``."""
    scale: int
    config: dict[str, Any] = field(default_factory=dict)
    """The builder's other keywords, as JSON can hold them."""
    card: dict[str, str] = field(default_factory=dict)
    """Where the numbers come from: data, licence, steps, results. The page beside the file says it at length."""
    tensors: dict[str, Tensor]
    """The network's state; floating-point numbers are fp32 when read from a file."""


def save_weights(path: Path, weights: Weights, *, half: bool = False) -> None:
    """Write a weight file, whole or not at all; ``half`` stores fp16. Raises OutputError where it cannot."""
    header = {
        "format": FORMAT,
        "network": weights.network,
        "scale": str(weights.scale),
        "config": json.dumps(weights.config),
        "card": json.dumps(weights.card),
    }
    number = torch.float16 if half else torch.float32
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file({name: stored(tensor, number) for name, tensor in weights.tensors.items()}, partial, metadata=header)
        os.replace(partial, path)
    except (OSError, safetensors.SafetensorError) as error:
        if partial.exists():
            partial.unlink()
        raise OutputError(
            f"Cannot write the weights to {path}: {error}. Check the folder and the free space."
        ) from error


def load_weights(path: Path) -> Weights:
    """Read a weight file. Raises WeightsError where it is missing, damaged, or not one of ours."""
    if not path.is_file():
        raise WeightsError(f"There is no weight file at {path}. Check the path.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header: Mapping[str, str] = file.metadata() or {}
            tensors = {name: loaded(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(
            f"{path} is damaged, or not a safetensors file ({error}). Copy it again, or train it anew."
        ) from error
    if header.get("format") != FORMAT:
        raise WeightsError(
            f"{path} is a safetensors file, but not one of stvsr: its header says {header.get('format')!r} where "
            f"{FORMAT!r} is needed. Use a file that `stvsr train` wrote."
        )
    try:
        return Weights(
            network=header["network"],
            scale=int(header["scale"]),
            config=json.loads(header["config"]),
            card=json.loads(header["card"]),
            tensors=tensors,
        )
    except (KeyError, ValueError) as error:
        raise WeightsError(f"The header of {path} is damaged ({error}). Copy it again, or train it anew.") from error


def stored(tensor: Tensor, number: torch.dtype) -> Tensor:
    return (tensor.to(number) if tensor.is_floating_point() else tensor).detach().cpu().contiguous()


def loaded(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
