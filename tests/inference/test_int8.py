"""8-bit convolutions: taken where they are safe and fast, and close to fp32."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest
import torch
from torch import nn

from stvsr.blocks.residual import ResidualBlock
from stvsr.errors import SettingsError
from stvsr.inference import Engine, RenderReport, RenderSettings, int8
from stvsr.inference.engine import find_precision
from stvsr.networks import NETWORKS, Network

INT8, CPU = RenderSettings(precision="int8"), torch.device("cpu")
needs_int8 = pytest.mark.skipif(not int8.is_there(), reason="8-bit convolutions need VNNI")


def small(name: str) -> Network:
    torch.manual_seed(0)
    narrow = {"unison-s": {"width": 16, "encoder_blocks": 1}}
    return NETWORKS[name](scale=2, **narrow.get(name, {})).eval()


@needs_int8
@pytest.mark.parametrize("name", ["unison-s", "cycmunet-m2-24", "tp-24", "stinet-16", "mbnet-32", "yogo-24"])
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
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(16, 24, (3, 5), padding=(2, 1), stride=(1, 2)),
        nn.Conv2d(16, 24, (3, 5), padding=(2, 1), padding_mode="replicate"),
        *(nn.ConvTranspose2d(16, 8, scale + 4, stride=scale, padding=2) for scale in (2, 4, 8)),
        nn.ConvTranspose2d(16, 8, 3, padding=1, bias=False),
    ],
    ids=str,
)
def test_every_kind_of_convolution_computes_what_it_stands_for(conv: nn.Conv2d | nn.ConvTranspose2d):
    feat = torch.rand(2, 16, 9, 12).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        true = conv(feat)
        ours = int8.in_int8(nn.Sequential(conv))[0](feat)
    assert type(conv) is not type(int8.in_int8(nn.Sequential(conv))[0])
    assert ours.shape == true.shape
    assert (ours - true).abs().max() < 0.05 * true.std()


@needs_int8
def test_layers_in_a_row_compute_what_they_do_one_by_one():
    layers = nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), ResidualBlock(32), nn.ReLU(), nn.Conv2d(32, 2, 3), nn.Tanh()
    feat = torch.randn(1, 16, 20, 30)
    with torch.inference_mode():
        together = int8.in_int8(nn.Sequential(nn.Sequential(*layers)))[0](feat)
        for layer in int8.in_int8(nn.Sequential(*layers)):
            feat = layer(feat)
    assert (together - feat).norm() < 0.001 * feat.norm()  # between them they lie in fp16


@needs_int8
def test_what_such_convolutions_cannot_express_stays_as_it_is():
    for conv in (
        nn.Conv2d(16, 16, 3, groups=2),
        nn.Conv2d(3, 16, 3),
        nn.ConvTranspose2d(16, 8, (3, 2)),
        nn.ConvTranspose2d(16, 8, 3, output_padding=1, stride=2),
        nn.ConvTranspose2d(16, 8, 3, dilation=2),
    ):
        assert int8.in_int8(nn.Sequential(conv))[0] is conv


@needs_int8
def test_a_single_frame_has_no_pairs_and_is_rendered_all_the_same():
    engine = Engine(small("unison-s"), INT8, RenderReport())
    assert engine.run(torch.rand(1, 3, 24, 32), [Fraction(0)], torch.int8).shape == (1, 3, 48, 64)


@pytest.mark.parametrize(
    ("there", "safe", "compile", "other", "taken"),
    [
        (True, True, False, "", torch.int8),
        (False, True, False, "", torch.float32),
        (True, False, False, "", torch.float32),
        (True, True, True, "", torch.float32),
        (True, True, False, "avx512_bf16", torch.int8),
        (True, False, False, "avx512_bf16", torch.bfloat16),
        (True, True, False, "amx_tile", torch.bfloat16),
    ],
)
def test_it_is_taken_unasked_only_where_it_is_there_and_safe_and_nothing_is_faster(
    monkeypatch, there: bool, safe: bool, compile: bool, other: str, taken
):
    monkeypatch.setattr(int8, "is_there", lambda: there)
    for name in ("avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", partial(bool, name == other), raising=False)
    network = small("unison-s")
    network.spec = replace(network.spec, int8=safe)
    assert find_precision(RenderSettings(compile=compile), CPU, network) == taken


def test_what_has_no_such_convolution_is_told_so(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SettingsError, match="int8 needs an x86 processor with VNNI"):
        find_precision(INT8, torch.device("cuda"), small("unison-s"))
    monkeypatch.setattr(int8, "is_there", lambda: False)
    with pytest.raises(SettingsError, match="int8 needs an x86 processor with VNNI"):
        find_precision(INT8, CPU, small("unison-s"))
    with pytest.raises(SettingsError, match="compile"):
        RenderSettings(precision="int8", compile=True)
