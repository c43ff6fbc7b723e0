"""The catalog: every network can be asked for, and what cannot be had is said with the choices."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from stvsr.clip import Times
from stvsr.errors import SettingsError, WeightsError
from stvsr.networks import NETWORKS, Network, Spec
from stvsr.weights import catalog
from stvsr.weights.catalog import CATALOG, Entry, load_network, ready_scales
from stvsr.weights.files import Weights, save_weights


class Toy(Network):
    """One number: how bright the enlarged picture is."""

    def __init__(self, *, scale: int = 4, width: int = 1) -> None:
        super().__init__()
        self.spec = Spec(scale=scale, step=None)
        self.gain = torch.nn.Parameter(torch.ones(width))

    def render(self, clip: Tensor, times: Times) -> Tensor:
        raise NotImplementedError


@pytest.fixture
def toy_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A catalog with one more network, and a folder of shipped files that a test may fill."""
    monkeypatch.setitem(NETWORKS, "toy", Toy)
    monkeypatch.setitem(CATALOG, "toy", Entry(paper="none", scales=(2, 4)))
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    return tmp_path


def toy_weights(scale: int = 4, width: int = 3, network: str = "toy") -> Weights:
    return Weights(network=network, scale=scale, config={"width": width}, tensors={"gain": torch.arange(width).float()})


def test_every_network_has_an_entry():
    assert set(NETWORKS) <= set(CATALOG)


def test_every_shipped_file_has_its_card_and_loads():
    for file in catalog.FOLDER.glob("*.safetensors"):
        assert file.with_suffix(".md").is_file(), f"{file.name} has no card"
        assert file.stat().st_size <= 4_000_000
        name, scale = file.stem.rsplit("-x", 1)
        assert load_network(name, int(scale)).spec.scale == int(scale)


def test_bicubic_needs_no_weights():
    assert ready_scales("bicubic") == tuple(range(1, 9))
    assert load_network("bicubic", 3).spec.scale == 3


def test_shipped_weights_are_loaded_with_their_config(toy_folder: Path):
    save_weights(toy_folder / "toy-x4.safetensors", toy_weights())
    network = load_network("toy")
    assert torch.equal(network.state_dict()["gain"], torch.arange(3.0))
    assert not network.training
    assert ready_scales("toy") == (4,)


def test_a_file_of_your_own_is_used_instead(toy_folder: Path):
    save_weights(toy_folder / "mine.safetensors", toy_weights(scale=2, width=5))
    assert load_network("toy", 2, weights=toy_folder / "mine.safetensors").state_dict()["gain"].numel() == 5


def test_without_weights_the_message_names_what_has_some(toy_folder: Path):
    with pytest.raises(WeightsError, match=r"toy x2.*bicubic x1, 2"):
        load_network("toy", 2)
    assert load_network("toy", 2, allow_untrained=True).spec.scale == 2
    assert toy_folder.is_dir()


@pytest.mark.parametrize(
    ("name", "scale", "message"),
    [("nonesuch", 4, "Choose one of: bicubic"), ("bicubic", 9, "1, 2, 3, 4, 5, 6, 7, 8"), ("toy", 3, "2, 4")],
)
def test_unknown_names_and_scales_list_the_choices(toy_folder: Path, name: str, scale: int, message: str):
    with pytest.raises(SettingsError, match=message):
        load_network(name, scale)
    assert toy_folder.is_dir()


def test_weights_of_another_network_or_version_are_refused(toy_folder: Path):
    for weights in (toy_weights(scale=2), toy_weights(network="unison-s")):
        save_weights(toy_folder / "other.safetensors", weights)
        with pytest.raises(WeightsError, match="holds"):
            load_network("toy", 4, weights=toy_folder / "other.safetensors")
    save_weights(toy_folder / "old.safetensors", Weights(network="toy", scale=4, tensors={"gain": torch.ones(2)}))
    with pytest.raises(WeightsError, match=r"gain has shape \(2,\) where \(1,\)"):
        load_network("toy", 4, weights=toy_folder / "old.safetensors")


def test_a_network_for_time_alone_is_filled_from_the_enlarging_one():
    whole, alone = load_network("unison-s", 4), load_network("unison-s", 1)
    assert alone.spec.scale == 1
    assert 1 in ready_scales("unison-s")
    own = whole.state_dict()
    assert all(torch.equal(tensor, own[key]) for key, tensor in alone.state_dict().items())
    assert sum(weight.numel() for weight in alone.parameters()) < sum(weight.numel() for weight in whole.parameters())
