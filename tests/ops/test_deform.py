"""The deformable convolution: the plain path against independent referees, the others against the plain path."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor
from torch.nn import functional as F

from stvsr.blocks.deformable import DeformableConv
from stvsr.errors import SettingsError
from stvsr.ops import deform, deform_plain
from stvsr.ops.deform import deform_conv2d

PLAIN = dict(stride=1, padding=1, dilation=1)
SHAPES = [  # features in and out, offset groups, kernel, image, settings
    (16, 8, 2, (3, 3), (9, 11), PLAIN),
    (64, 64, 8, (3, 3), (6, 70), PLAIN),
    (12, 5, 1, (3, 3), (8, 7), dict(stride=2, padding=2, dilation=2)),
    (6, 4, 3, (1, 1), (5, 9), dict(stride=1, padding=0, dilation=1)),
    (11, 3, 1, (2, 5), (9, 12), dict(stride=3, padding=3, dilation=1)),
    (40, 2, 2, (3, 1), (2, 2), dict(stride=1, padding=1, dilation=1)),
    (8, 8, 1, (3, 3), (1, 9), PLAIN),
]


def some_inputs(
    features: int,
    outputs: int,
    groups: int,
    kernel: tuple[int, int],
    size: tuple[int, int],
    settings: dict[str, int],
    *,
    batch: int = 2,
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    """Image, offset, mask, weight; many offsets reach beyond the border."""
    torch.manual_seed(0)
    channels = groups * kernel[0] * kernel[1]
    rows, columns = (
        (length + 2 * settings["padding"] - settings["dilation"] * (taps - 1) - 1) // settings["stride"] + 1
        for length, taps in zip(size, kernel, strict=True)
    )
    return [
        torch.randn(batch, features, *size, dtype=dtype),
        torch.randn(batch, 2 * channels, rows, columns, dtype=dtype) * 2,
        torch.rand(batch, channels, rows, columns, dtype=dtype),
        torch.randn(outputs, features, *kernel, dtype=dtype),
    ]


def with_gradients(inputs: list[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone().requires_grad_() for tensor in inputs]


def close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-5) -> bool:
    return ours.shape == theirs.shape and bool((ours - theirs).norm() <= tolerance * (1 + theirs.norm()))


def test_without_offsets_it_is_the_plain_convolution():
    image, offset, mask, weight = some_inputs(16, 8, 2, (3, 3), (9, 11), dict(stride=2, padding=2, dilation=2))
    bias = torch.randn(8)
    ours = deform_conv2d(image, 0 * offset, torch.ones_like(mask), weight, bias, stride=2, padding=2, dilation=2)
    assert close(ours, F.conv2d(image, weight, bias, stride=2, padding=2, dilation=2))


def test_weight_groups_are_those_of_the_plain_convolution():
    image, offset, mask, _ = some_inputs(12, 8, 3, (3, 3), (6, 7), PLAIN)
    weight = torch.randn(8, 3, 3, 3)
    ours = deform_conv2d(image, 0 * offset, torch.ones_like(mask), weight)
    assert close(ours, F.conv2d(image, weight, padding=1, groups=4))


def test_whole_offsets_shift_the_image_of_their_group_only():
    image, offset, mask, weight = some_inputs(4, 3, 2, (3, 3), (8, 9), PLAIN)
    offset = torch.zeros_like(offset).unflatten(1, (2, 9, 2))
    offset[:, 1, :, 0], offset[:, 1, :, 1] = 2, -1  # the second group looks 2 rows below and 1 column to the left
    shifted = torch.cat([image[:, :2], F.pad(image[:, 2:], (1, 0, 0, 2))[..., 2:, :-1]], 1)
    ours = deform_conv2d(image, offset.flatten(1, 3), torch.ones_like(mask), weight)
    # beyond the other two borders the convolution sees nothing where the offset leads back inside
    assert close(ours[..., 1:, :-1], F.conv2d(shifted, weight, padding=1)[..., 1:, :-1])


def test_one_tap_samples_as_scipy_does_and_weighs_by_the_mask():
    image, offset, mask, _ = some_inputs(1, 1, 1, (1, 1), (9, 10), dict(stride=1, padding=0, dilation=1), batch=1)
    ours = deform_conv2d(image, offset, mask, torch.ones(1, 1, 1, 1), padding=0)
    places = np.indices((9, 10)) + offset[0].numpy()
    theirs = map_coordinates(image[0, 0].numpy(), places, order=1, mode="grid-constant", cval=0.0)
    assert close(ours[0, 0], mask[0, 0] * torch.from_numpy(theirs))


def test_the_plain_gradients_are_those_of_finite_differences():
    settings = dict(stride=1, padding=1, dilation=1)
    inputs = with_gradients(some_inputs(2, 2, 1, (3, 3), (4, 4), settings, batch=1, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda *tensors: deform_conv2d(*tensors), inputs)
    assert torch.autograd.gradcheck(lambda *tensors: deform_plain.forward(*tensors, **settings), inputs)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_operator_equals_the_plain_path_forward_and_backward(shape, layout: torch.memory_format):
    settings = shape[-1]
    inputs = with_gradients([tensor.to(memory_format=layout) for tensor in some_inputs(*shape)])
    ours, theirs = deform_conv2d(*inputs, **settings), deform_plain.forward(*inputs, **settings)
    assert close(ours, theirs)
    grad = torch.randn_like(theirs)
    for our, their in zip(
        torch.autograd.grad(ours, inputs, grad), torch.autograd.grad(theirs, inputs, grad), strict=True
    ):
        assert close(our, their)


def test_threads_do_not_change_the_result(on_cores):
    inputs = with_gradients(some_inputs(16, 8, 2, (3, 3), (9, 11), PLAIN))
    alone = deform_conv2d(*inputs)
    grads = torch.autograd.grad(alone.sum(), inputs)
    on_cores(3)
    together = deform_conv2d(*inputs)
    assert close(together, alone)
    for ours, theirs in zip(torch.autograd.grad(together.sum(), inputs), grads, strict=True):
        assert close(ours, theirs)


def test_without_numba_it_still_works(monkeypatch: pytest.MonkeyPatch):
    inputs = some_inputs(16, 8, 2, (3, 3), (9, 11), PLAIN)
    expected = deform_conv2d(*inputs)
    monkeypatch.setattr(deform, "find_spec", lambda _: None)
    assert deform.path_for(inputs[0]) is deform_plain
    assert close(deform_conv2d(*inputs), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_stays_close_and_keeps_its_type(dtype: torch.dtype):
    inputs = some_inputs(16, 8, 2, (3, 3), (9, 11), PLAIN)
    low = deform_conv2d(*(tensor.to(dtype) for tensor in inputs))
    assert low.dtype == dtype
    exact = deform_conv2d(*(tensor.to(dtype).float() for tensor in inputs))
    assert close(low.float(), exact, 1e-2)


def test_under_autocast_it_is_computed_in_full_precision():
    torch.manual_seed(0)
    layer = DeformableConv(16, 8, groups=2)
    torch.nn.init.normal_(layer.steer.weight, std=0.02)
    feat, guide = torch.randn(2, 1, 16, 8, 9)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = layer(feat, guide)
        coarse.sum().backward()
    assert close(coarse.float(), layer(feat, guide), 2e-2)
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in layer.parameters())
    for shape in (SHAPES[0], SHAPES[-1]):  # by Numba, and the plain path
        inputs = some_inputs(*shape)
        exact = deform_conv2d(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(deform_conv2d(*inputs), exact)


def test_offsets_that_are_no_numbers_are_seen_in_the_result_and_nothing_breaks():
    image, offset, mask, weight = some_inputs(16, 8, 2, (3, 3), (9, 11), PLAIN)
    offset[0, :, 4, 5] = float("nan")
    offset[1, :, 4, 5] = 1e30
    offset[1, :, 2, 2] = float("-inf")
    for path in (deform_conv2d, deform_plain.forward):
        out = path(image, offset, mask, weight, **PLAIN)
        assert out[0, :, 4, 5].isnan().all()
        assert not out[1, :, 4, 5].any()


def test_it_runs_without_data():
    with torch.device("meta"):
        layer = DeformableConv(64, 32, groups=8)
        feat = torch.empty(2, 64, 20, 30)
        out = layer(feat, feat)
        out.sum().backward()
    assert out.shape == (2, 32, 20, 30)
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_pytorch_finds_no_fault_with_the_operator():
    settings = (2, 1, 2)
    shape = (12, 5, 1, (3, 3), (8, 7), dict(stride=2, padding=1, dilation=2))
    for layout in (torch.contiguous_format, torch.channels_last):
        inputs = with_gradients([tensor.to(memory_format=layout) for tensor in some_inputs(*shape)])
        torch.library.opcheck(deform.forward_op, (*inputs, *settings))


def test_it_is_compiled_without_a_break_in_the_graph():
    inputs = with_gradients(some_inputs(8, 4, 2, (3, 3), (6, 5), PLAIN))
    # the tests' shape checker cannot be compiled: below it
    compiled = torch.compile(
        lambda *tensors: torch.sin(deform.forward_op(*tensors, 1, 1, 1)), fullgraph=True, backend="aot_eager"
    )
    ours, theirs = compiled(*inputs), torch.sin(deform_conv2d(*inputs))
    assert close(ours, theirs)
    for our, their in zip(
        torch.autograd.grad(ours.sum(), inputs), torch.autograd.grad(theirs.sum(), inputs), strict=True
    ):
        assert close(our, their)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(mask=torch.rand(2, 17, 9, 11)), "17 mask channels are not 9 taps"),
        (dict(offset=torch.rand(2, 18, 9, 11)), r"offset must have the shape \(2, 36, 9, 11\)"),
        (dict(weight=torch.rand(8, 5, 3, 3)), "does not divide 16 features"),
        (dict(stride=2), r"mask must have the shape \(2, 18, 5, 6\)"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict, message: str):
    names = ("image", "offset", "mask", "weight")
    inputs = dict(zip(names, some_inputs(16, 8, 2, (3, 3), (9, 11), PLAIN), strict=True))
    with pytest.raises(SettingsError, match=message):
        deform_conv2d(**(inputs | change))


@pytest.mark.filterwarnings("ignore")  # of the exporter itself
def test_it_is_exported_as_one_node_that_onnx_runtime_computes_alike():
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    layer = DeformableConv(16, 8, groups=2).eval()
    torch.nn.init.normal_(layer.steer.weight, std=0.1)
    feat, guide = torch.randn(2, 1, 16, 8, 9)
    program = torch.onnx.export(
        layer,
        (feat, guide),
        dynamo=True,
        opset_version=19,
        custom_translation_table=deform.onnx_translation(),
        verbose=False,
    )
    model = program.model_proto
    assert [node.op_type for node in model.graph.node].count("DeformConv") == 1
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    (theirs,) = session.run(None, dict(zip(names, (feat.numpy(), guide.numpy()), strict=True)))
    assert close(layer(feat, guide).detach(), torch.from_numpy(theirs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_gpu_path_equals_the_plain_path(shape, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch):
    """On a GPU where there is one, else in Triton's interpreter."""
    if not torch.cuda.is_available():
        monkeypatch.setenv("TRITON_INTERPRET", "1")  # read when the kernel is defined
    pytest.importorskip("triton", reason="Triton comes with CUDA builds of PyTorch")
    from stvsr.ops import deform_cuda

    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs = [tensor.to(device, dtype) for tensor in some_inputs(*shape)]
    expected = deform_plain.forward(*(tensor.float() for tensor in inputs), **shape[-1])
    ours = deform_cuda.forward(*inputs, **shape[-1])
    assert ours.dtype == dtype
    assert close(ours.float(), expected, 2e-3)
