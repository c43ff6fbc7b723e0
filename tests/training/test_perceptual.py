"""Referee: VGG-19 as a plain sequence of layers, numbered as torchvision numbers them, with made-up weights."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stvsr.errors import SettingsError, WeightsError
from stvsr.training.perceptual import CENTRE, FILE, SPREAD, Perceptual, load_vgg, perceptual_term

WIDTHS = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M")
RELU = {"relu1_1": 1, "relu2_2": 8, "relu3_1": 11, "relu5_1": 29, "relu5_4": 35}
"""Where torchvision's ``features`` has them."""


def published_like() -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 3
    for width in WIDTHS:
        if isinstance(width, int):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def vgg() -> nn.Sequential:
    torch.manual_seed(0)
    return published_like()


@pytest.fixture(scope="module")
def file(vgg: nn.Sequential, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As torchvision stores it: with the classifier, which nobody needs here."""
    path = tmp_path_factory.mktemp("vgg") / FILE
    state = {f"features.{name}": weight for name, weight in vgg.state_dict().items()}
    torch.save(state | {"classifier.6.bias": torch.zeros(1000)}, path)
    return path


def test_the_term_compares_the_layers_it_names_and_pulls_at_the_frames_alone(vgg: nn.Sequential, file: Path):
    layers = tuple(RELU)
    term = perceptual_term(Perceptual(weight=0.5, layers=layers, file=str(file)), torch.device("cpu"))
    ours, true = torch.rand(1, 2, 3, 32, 36, requires_grad=True), torch.rand(1, 2, 3, 32, 36)
    loss, told = term(ours, true)
    centre, spread = (torch.tensor(values)[:, None, None] for values in (CENTRE, SPREAD))
    seen, wanted = ((frames[0] - centre) / spread for frames in (ours, true))
    expected = torch.zeros(())
    for index, layer in enumerate(vgg):
        seen, wanted = layer(seen), layer(wanted)
        if index in RELU.values():
            expected = expected + F.mse_loss(seen, wanted)
    assert float(told["vgg"]) == pytest.approx(float(expected.detach()), rel=1e-4)
    assert float(loss.detach()) == pytest.approx(0.5 * float(expected.detach()), rel=1e-4)
    (gradient,) = torch.autograd.grad(loss, ours, retain_graph=True)
    (referee,) = torch.autograd.grad(0.5 * expected, ours)
    torch.testing.assert_close(gradient, referee, rtol=1e-3, atol=1e-8)


def test_without_weights_the_error_names_both_cures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unreachable(*_: object, **_options: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    for perceptual in (Perceptual(weight=1), Perceptual(weight=1, file=str(tmp_path / "none.pth"))):
        with pytest.raises(WeightsError, match=r"perceptual\.file=PATH.*perceptual\.weight=0"):
            load_vgg(perceptual)


def test_a_file_of_another_network_is_refused(tmp_path: Path):
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="does not hold torchvision's VGG-19"):
        load_vgg(Perceptual(weight=1, file=str(tmp_path / "other.pth")))


def test_a_layer_that_vgg_does_not_have_is_refused():
    with pytest.raises(SettingsError, match="relu6_1"):
        Perceptual(layers=("relu6_1",))
