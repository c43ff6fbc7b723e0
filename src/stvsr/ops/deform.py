"""Modulated deformable convolution (Zhu et al., Deformable ConvNets v2, CVPR 2019).

Every tap of the kernel looks a learned offset away from its place, bilinearly, and what it sees is weighted by a mask.
Beyond the border there is nothing (zero). Offsets and masks lie as in ONNX's DeformConv (opset 19) and torchvision:
offset channel ``2 * (group * taps + tap) + axis`` with axis 0 = y and 1 = x, mask channel ``group * taps + tap``.

PyTorch sees one operator, so that it can be compiled, exported, counted and run without data (meta). Behind it there
are three paths that compute the same: ``deform_cpu`` (Numba), ``deform_cuda`` (Triton) and ``deform_plain``.

b batch · i input features · o output features · h w input size · H W output size · g offset groups · k taps ·
n = g k channels of the mask · m = 2 g k channels of the offset.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from stvsr.errors import SettingsError
from stvsr.ops import deform_plain


def deform_conv2d(
    image: Float[Tensor, "b i h w"],
    offset: Float[Tensor, "b m H W"],
    mask: Float[Tensor, "b n H W"],
    weight: Float[Tensor, "o i2 kh kw"],
    bias: Float[Tensor, " o"] | None = None,
    *,
    stride: int = 1,
    padding: int = 1,
    dilation: int = 1,
) -> Float[Tensor, "b o H W"]:
    """Convolve ``image`` with ``weight``, each tap moved by ``offset`` (pixels) and weighted by ``mask``.

    The number of offset groups follows from the mask's channels; ``i2`` is ``i`` over the weight's groups.
    The types may differ: everything is computed in fp32 (fp64 for an fp64 image), with a GPU's matrix units in the
    image's type, and the result has the type of ``image``, also under autocast. It lies channels last.
    Raises SettingsError for shapes that do not fit together.
    """
    check(image, offset, mask, weight, stride, padding, dilation)
    out = torch.ops.stvsr.deform_conv2d(image, offset, mask, one_group(weight, image), stride, padding, dilation)
    return out if bias is None else out.add_(bias.to(out.dtype)[:, None, None])


def check(
    image: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, stride: int, padding: int, dilation: int
) -> None:
    """Before anything reads beyond a tensor's end."""
    features, (outputs, part), taps = image.shape[1], weight.shape[:2], weight.shape[2] * weight.shape[3]
    size = tuple(
        (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for length, kernel in zip(image.shape[2:], weight.shape[2:], strict=True)
    )
    groups = mask.shape[1] // taps
    if features % part or outputs % (features // part):
        raise SettingsError(
            f"A weight of shape {tuple(weight.shape)} does not divide {features} features into groups. "
            f"Its second size must divide them, and the number of groups its first size."
        )
    if not groups or features % groups or mask.shape[1] != groups * taps:
        raise SettingsError(
            f"{mask.shape[1]} mask channels are not {taps} taps for each of some groups that divide {features} "
            f"features. Give {taps} channels for every offset group."
        )
    for name, tensor, channels in (("mask", mask, groups * taps), ("offset", offset, 2 * groups * taps)):
        expected = (len(image), channels, *size)
        if tuple(tensor.shape) != expected:
            raise SettingsError(f"The {name} must have the shape {expected} here, but it has {tuple(tensor.shape)}.")


def one_group(weight: Float[Tensor, "o i2 kh kw"], image: Float[Tensor, "b i h w"]) -> Float[Tensor, "o i kh kw"]:
    """Weight groups, spelled out with zeros: right, not fast. None of our networks has any."""
    count = image.shape[1] // weight.shape[1]
    if count == 1:
        return weight
    parts = rearrange(weight, "(n o) i y x -> n o i y x", n=count)
    spread = torch.einsum("n o i y x, n m -> n o m i y x", parts, torch.eye(count).to(weight))
    return rearrange(spread, "n o m i y x -> (n o) (m i) y x")


@torch.library.custom_op("stvsr::deform_conv2d", mutates_args=())
def forward_op(
    image: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, stride: int, padding: int, dilation: int
) -> Tensor:
    settings = dict(stride=stride, padding=padding, dilation=dilation)
    with torch.autocast(image.device.type, enabled=False):
        if image.device.type == "cuda" and find_spec("triton"):
            from stvsr.ops import deform_cuda

            return deform_cuda.forward(image, offset, mask, weight, **settings)
        return path_for(image).forward(*in_one_type(image, offset, mask, weight), **settings).to(image.dtype)


@forward_op.register_fake
def _(image: Tensor, _offset: Tensor, mask: Tensor, weight: Tensor, *_settings: int) -> Tensor:
    shape = (image.shape[0], weight.shape[0], *mask.shape[2:])
    return torch.empty(shape, dtype=image.dtype, device=image.device, memory_format=torch.channels_last)


@torch.library.custom_op("stvsr::deform_conv2d_backward", mutates_args=())
def backward_op(
    grad: Tensor,
    image: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    stride: int,
    padding: int,
    dilation: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    settings = dict(stride=stride, padding=padding, dilation=dilation)
    inputs = image, offset, mask, weight
    with torch.autocast(image.device.type, enabled=False):
        grads = path_for(image).backward(grad.to(wide_type(image)), *in_one_type(*inputs), **settings)
    of_image, of_offset, of_mask, of_weight = (
        grad.to(source.dtype) for grad, source in zip(grads, inputs, strict=True)
    )
    return of_image, of_offset, of_mask, of_weight.clone(memory_format=torch.contiguous_format)


@backward_op.register_fake
def _(
    _grad: Tensor, image: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, *_settings: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    of_image = torch.empty_like(image, memory_format=torch.channels_last)
    return of_image, torch.empty_like(offset), torch.empty_like(mask), weight.new_empty(weight.shape)


def keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    ctx.save_for_backward(*inputs[:4])
    ctx.settings = inputs[4:]


def differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return (*backward_op(grad, *ctx.saved_tensors, *ctx.settings), None, None, None)


forward_op.register_autograd(differentiate, setup_context=keep)


def path_for(image: Tensor) -> ModuleType:
    """Numba where it serves: fp32 on the CPU, at least two rows and columns, places that fit into 32 bits."""
    few = image.shape[1:].numel() < 2**31 and min(image.shape[2:]) > 1
    if image.device.type == "cpu" and image.dtype != torch.float64 and few and find_spec("numba"):
        from stvsr.ops import deform_cpu

        return deform_cpu
    return deform_plain


def in_one_type(image: Tensor, *others: Tensor) -> Iterator[Tensor]:
    return (tensor.to(wide_type(image)) for tensor in (image, *others))


def wide_type(image: Tensor) -> torch.dtype:
    """What is computed in."""
    return torch.promote_types(image.dtype, torch.float32)


def onnx_translation() -> dict[Callable[..., Any], Callable[..., Any]]:
    """For ``torch.onnx.export(..., opset_version=19, custom_translation_table=onnx_translation())``.

    The operator becomes one DeformConv node. Needs the extra ``stvsr[export]``.
    """
    from onnxscript import opset19

    def deform_conv(image, offset, mask, weight, stride: int, padding: int, dilation: int):
        taps = weight.shape[2] * weight.shape[3]
        return opset19.DeformConv(
            image,
            weight,
            offset,
            None,
            mask,
            dilations=[dilation] * 2,
            offset_group=mask.shape[1] // taps,
            pads=[padding] * 4,
            strides=[stride] * 2,
        )

    return {torch.ops.stvsr.deform_conv2d.default: deform_conv}
