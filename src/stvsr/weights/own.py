"""Weights that lie here, shipped or the user's own: what they are, whether they are sound, and how they get here."""

import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from urllib.request import urlopen

import torch

from stvsr.errors import OutputError, WeightsError
from stvsr.networks import NETWORKS
from stvsr.weights.catalog import FOLDER, entry_of, file_of, has_weights, network_of, own_file_of
from stvsr.weights.files import Weights, load_weights, save_weights

SUMS = "SHA256SUMS"
"""Beside the shipped files, as ``sha256sum`` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One weight file."""

    network: str
    scale: int
    file: str
    bytes: int
    sha256: str
    shipped: bool
    steps: str
    """Of its last training run; empty where the file does not say."""


def weights_here() -> list[Held]:
    """Every file that ``load_network`` would take, in the order of the networks. Raises WeightsError as ``check``."""
    return [
        check(file_of(name, scale)) for name in NETWORKS for scale in entry_of(name).scales if has_weights(name, scale)
    ]


def check(path: Path) -> Held:
    """A weight file that is sound: it is read, fits its network, holds numbers only, and if it came with the package,
    not a bit of it has changed. Raises WeightsError for one that is not, SettingsError for an unknown network."""
    held = load_weights(path)
    fitting(held, path)
    digest = sha256(path.read_bytes()).hexdigest()
    shipped = path.resolve().parent == FOLDER.resolve()
    if shipped and shipped_sums().get(path.name, digest) != digest:
        raise WeightsError(
            f"{path} is not the file that was shipped: it has changed on this disk. Install stvsr again."
        )
    return Held(
        network=held.network,
        scale=held.scale,
        file=str(path),
        bytes=path.stat().st_size,
        sha256=digest,
        shipped=shipped,
        steps=held.card.get("steps", ""),
    )


def shipped_sums() -> dict[str, str]:
    """SHA-256 by file name."""
    table = FOLDER / SUMS
    lines = table.read_text().split("\n") if table.is_file() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


def import_weights(path: Path, *, replace: bool = False) -> Path:
    """Take over a weight file, a run's folder or its checkpoint (the averaged weights), to be used from now on wherever
    its network is asked for. Returns where it lies now. Raises as ``check``, WeightsError where weights were imported
    for this network and scale before (unless ``replace``), OutputError where the file cannot be written."""
    checkpoint = checkpoint_in(path)
    held = load_weights(path) if checkpoint is None else weights_of_checkpoint(checkpoint)
    fitting(held, path)
    target = own_file_of(held.network, held.scale)
    if target.exists() and not replace:
        raise WeightsError(
            f"There are imported weights for {held.network} x{held.scale} already: {target}. Give --replace, or delete "
            f"that file."
        )
    partial = target.with_suffix(".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if checkpoint is None:
            shutil.copyfile(path, partial)
            os.replace(partial, target)
        else:
            save_weights(target, held)
    except OSError as error:
        raise OutputError(
            f"Cannot write the weights to {target}: {error}. Check the folder and the free space."
        ) from error
    finally:
        if partial.exists():
            partial.unlink()
    return target


SILENCE = 60
"""Seconds without a byte after which a server counts as gone."""


def fetch_weights(url: str, *, digest: str | None = None, replace: bool = False) -> Path:
    """Download a weight file and take it over. digest: the SHA-256 that it must have. Returns where it lies now.
    Raises as ``import_weights``, and WeightsError where the file cannot be had, or is another one."""
    try:
        address = urlsplit(url)
    except ValueError:  # brackets, for example
        address = urlsplit("")
    name = Path(address.path).name
    if address.scheme not in ("http", "https") or not name.endswith(".safetensors"):
        raise WeightsError(f"{url} is not the address of a weight file. Give one like https://.../NAME.safetensors.")
    with TemporaryDirectory() as folder:
        file = Path(folder) / name
        try:
            with urlopen(url, timeout=SILENCE) as source, file.open("wb") as kept:
                shutil.copyfileobj(source, kept)
        except (OSError, HTTPException) as error:
            raise WeightsError(f"Cannot fetch {url}: {error}. Check the address and the connection.") from error
        got = sha256(file.read_bytes()).hexdigest()
        if digest is not None and got != digest.lower():
            raise WeightsError(
                f"{url} is not the file that was asked for: its SHA-256 is {got} where {digest} was given. Nothing was "
                f"taken over. Ask whoever gave you the two."
            )
        return import_weights(file, replace=replace)


def checkpoint_in(path: Path) -> Path | None:
    """The checkpoint that a path stands for: a file of PyTorch's, or what ``stvsr train`` leaves in a run's folder."""
    places = (path, path / "network.pt", path / "checkpoint" / "network.pt")
    return next((place for place in places if place.suffix in (".pt", ".ckpt") and place.is_file()), None)


def weights_of_checkpoint(path: Path) -> Weights:
    """The averaged weights of a checkpoint. Raises WeightsError for any other file."""
    try:
        facts = torch.load(path, weights_only=True, map_location="cpu")
        recipe = json.loads(facts["recipe"])
        return Weights(
            network=recipe["network"],
            scale=recipe["scale"],
            config=recipe["config"],
            card={"recipe": facts["recipe"], "steps": str(facts["step"]), "seconds": f"{facts['seconds']:.0f}"},
            tensors=facts["average"],
        )
    except (
        OSError,
        RuntimeError,
        EOFError,
        UnpicklingError,
        zipfile.BadZipFile,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise WeightsError(
            f"{path} is not a checkpoint of `stvsr train` ({type(error).__name__}). Give a run's folder, its "
            f"checkpoint/network.pt, or a weight file."
        ) from error


def fitting(held: Weights, path: Path) -> None:
    """Raises WeightsError unless the file fits its network and holds numbers only."""
    entry_of(held.network)
    network_of(held, path, held.network, held.scale)
    broken = [name for name, tensor in held.tensors.items() if not bool(tensor.isfinite().all())]
    if broken:
        raise WeightsError(
            f"{path} is damaged: {broken[0]} holds values that are no numbers. Copy it again, or train it anew."
        )
