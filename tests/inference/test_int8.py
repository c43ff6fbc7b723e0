"""8-bit convolutions: taken where they are safe and fast, and close to fp32."""

from fractions import Fraction

import pytest
import torch

from stvsr.errors import SettingsError
from stvsr.inference import Engine, RenderReport, RenderSettings, int8
from stvsr.inference.engine import find_precision
from stvsr.networks import NETWORKS, Network

INT8, CPU = RenderSettings(precision="int8"), torch.device("cpu")
needs_int8 = pytest.mark.skipif(not int8.is_there(), reason="8-bit convolutions need VNNI")


def small(name: str) -> Network:
    torch.manual_seed(0)
    narrow = {"unison-s": {"width": 16, "encoder_blocks": 1}, "yogo-64": {"filters": 16, "extraction_blocks": 1}}
    return NETWORKS[name](scale=2, **narrow[name]).eval()


@needs_int8
@pytest.mark.parametrize("name", ["unison-s", "yogo-64"])
def test_pictures_are_close_to_those_in_fp32_and_the_weights_stay_as_they_are(name: str):
    network = small(name)
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    clip, times = torch.rand(2, 3, 24, 32), [Fraction(0), Fraction(1)]
    engine = Engine(network, INT8, RenderReport())
    ours, true = (engine.run(clip, times, precision) for precision in (torch.int8, torch.float32))
    base = NETWORKS["bicubic"](scale=2)(clip[None], times)[0]
    assert 0 < (ours - true).norm() < 0.1 * (true - base).norm()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@needs_int8
def test_a_single_frame_has_no_pairs_and_is_rendered_all_the_same():
    engine = Engine(small("unison-s"), INT8, RenderReport())
    assert engine.run(torch.rand(1, 3, 24, 32), [Fraction(0)], torch.int8).shape == (1, 3, 48, 64)


@pytest.mark.parametrize(
    ("there", "safe", "compile", "taken"),
    [
        (True, True, False, torch.int8),
        (False, True, False, torch.float32),
        (True, False, False, torch.float32),
        (True, True, True, torch.float32),
    ],
)
def test_it_is_taken_unasked_only_where_it_is_there_and_safe(
    monkeypatch, there: bool, safe: bool, compile: bool, taken
):
    monkeypatch.setattr(int8, "is_there", lambda: there)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    network = small("unison-s" if safe else "yogo-64")
    assert find_precision(RenderSettings(compile=compile), CPU, network) == taken


def test_what_has_no_such_convolution_is_told_so(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SettingsError, match="int8 needs an x86 processor with VNNI"):
        find_precision(INT8, torch.device("cuda"), small("unison-s"))
    monkeypatch.setattr(int8, "is_there", lambda: False)
    with pytest.raises(SettingsError, match="int8 needs an x86 processor with VNNI"):
        find_precision(INT8, CPU, small("unison-s"))
    with pytest.raises(SettingsError, match="compile"):
        RenderSettings(precision="int8", compile=True)
