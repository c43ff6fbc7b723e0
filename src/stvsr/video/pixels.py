"""Planes of any pixel format to RGB and back, in float, by the film's own matrix and range; light is never linearised.

Chroma filters come in pairs whose product is the identity, so that a film that is not enlarged keeps its planes: to
double, linear interpolation; to halve, its biorthogonal partner (Cohen, Daubechies and Feauveau 1992; across, this is
the 5/3 filter of JPEG 2000). Chroma sits where MPEG puts it: on the left luma column, midway between two luma rows.
"""

from functools import cache
from zlib import crc32

import av
import numpy as np
import torch
from av.video.plane import VideoPlane
from jaxtyping import Float
from torch import Tensor

from stvsr.ops.streams import own_stream
from stvsr.video.colour import LUMA_WEIGHTS, Colour
from stvsr.video.planes import rgb_image, yuv_planes

_SWSCALE_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
_SUBSAMPLING = {(0, 0): "444", (1, 0): "422", (1, 1): "420", (0, 1): "440", (2, 0): "411", (2, 2): "410"}
_DEPTHS = {"gray": (8, 10, 12, 14, 16), "gbrp": (8, 10, 12, 14, 16), "yuv440p": (8, 10, 12)}
_DEPTHS |= {"yuv411p": (8,), "yuv410p": (8,)} | {f"yuv{x}p": (8, 10, 12, 14, 16) for x in ("420", "422", "444")}


def to_rgb(frame: av.VideoFrame, colour: Colour) -> Float[Tensor, "3 h w"]:
    """The picture as RGB in [0, 1]; alpha is left behind."""
    name = plain_format(frame.format.name)
    if not _is_readable(frame.format.name):
        frame = _repack(frame, name, colour)
    if not name.startswith("yuv") or max(_shifts(name)) > 1:
        return _image(frame, colour)
    stored = frame.format.name
    known = LUMA_WEIGHTS[colour.matrix], levels(bit_depth(stored), colour.full_range)
    rows = [_values(plane, stored) for plane in frame.planes[:3]]
    return rgb_image(rows, *known, size=(frame.height, frame.width), halvings=_shifts(name))


def checksum(frame: av.VideoFrame, colour: Colour) -> int:
    """CRC-32 of every value in the picture's planes."""
    if not _is_readable(frame.format.name):
        frame = _repack(frame, plain_format(frame.format.name), colour)
    check = 0
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        size = plane.width * (1 if bit_depth(frame.format.name) == 8 else 2)
        check = crc32(rows[:, :size].tobytes(), check)
    return check


def from_rgb(image: Float[Tensor, "3 h w"], colour: Colour, pixel_format: str) -> av.VideoFrame:
    """RGB (clamped to [0, 1]) as a frame of the given pixel format. Its size must suit the format's chroma."""
    name = plain_format(pixel_format)
    _, height, width = image.shape
    frame = av.VideoFrame(width, height, name)
    frame.colorspace, frame.color_range = colour.matrix, 2 if colour.full_range else 1
    frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
    for plane, values in zip(frame.planes, planes_from_rgb(image, colour, name), strict=True):
        stride = plane.line_size // values.itemsize
        np.frombuffer(memoryview(plane), values.dtype).reshape(plane.height, stride)[:, : plane.width] = values
    return frame if name == pixel_format else _repack(frame, pixel_format, colour)


def _image(frame: av.VideoFrame, colour: Colour) -> Float[Tensor, "3 h w"]:
    """The picture as RGB in [0, 1]; by PyTorch, of any layout that is readable."""
    name = frame.format.name
    bits, grey_only = bit_depth(name), plain_format(name).startswith("gray")
    planes = [_read(plane, name) for plane in frame.planes[: 1 if grey_only else 3]]
    black, white, grey, swing = levels(bits, colour.full_range)
    if plain_format(name).startswith("gbrp"):
        green, blue, red = (plane.sub_(black).div_(white - black) for plane in planes)
        return torch.stack([red, green, blue]).clamp_(0, 1)
    luma = planes[0].sub_(black).div_(white - black)
    if grey_only:
        return luma.clamp_(0, 1).expand(3, -1, -1).clone()
    across, down = _shifts(name)
    cb, cr = (_enlarge(plane.sub_(grey).div_(swing), across, down, luma.shape) for plane in planes[1:])
    red_weight, blue_weight = LUMA_WEIGHTS[colour.matrix]
    green_weight = 1 - red_weight - blue_weight
    image = torch.empty((3, *luma.shape))
    torch.add(luma, cr, alpha=2 - 2 * red_weight, out=image[0])
    torch.add(luma, cb, alpha=2 - 2 * blue_weight, out=image[2])
    torch.add(luma, cr, alpha=-(2 - 2 * red_weight) * red_weight / green_weight, out=image[1])
    image[1].sub_(cb, alpha=(2 - 2 * blue_weight) * blue_weight / green_weight)
    return image.clamp_(0, 1)


def planes_from_rgb(image: Float[Tensor, "3 h w"], colour: Colour, plain: str) -> list[np.ndarray]:
    """RGB (clamped to [0, 1]) as the planes of a format that ``plain_format`` gives.

    They are made where the picture lies: from a GPU, as little as possible is fetched. The picture must be ``settled``.
    """
    bits, shifts = bit_depth(plain), _shifts(plain)
    if image.device.type == "cpu" and plain.startswith("yuv") and max(shifts) <= 1:
        known = LUMA_WEIGHTS[colour.matrix or 1], levels(bits, colour.full_range)
        return yuv_planes(image, *known, bits=bits, halvings=shifts)
    whole, kind = (torch.uint8, np.uint8) if bits == 8 else (torch.int32, np.uint16)
    with own_stream(image.device):
        planes = [plane.to(whole).cpu() for plane in _planes(image, colour, plain)]
    return [plane.numpy().astype(kind, copy=False) for plane in planes]


def _planes(image: Float[Tensor, "3 h w"], colour: Colour, plain: str) -> list[Float[Tensor, "y x"]]:
    """Of whole numbers; by PyTorch, on any device."""
    bits = bit_depth(plain)
    black, white, grey, swing = levels(bits, colour.full_range)
    red_weight, blue_weight = LUMA_WEIGHTS[colour.matrix or 1]
    red, green, blue = image.clamp(0, 1)
    if plain.startswith("gbrp"):
        planes = [plane.mul(white - black).add_(black) for plane in (green, blue, red)]
    else:
        luma = red.mul(red_weight).add_(green, alpha=1 - red_weight - blue_weight).add_(blue, alpha=blue_weight)
        planes = [luma.mul(white - black).add_(black)]
        if not plain.startswith("gray"):
            for channel, weight in ((blue, blue_weight), (red, red_weight)):
                chroma = _shrink(channel - luma, *_shifts(plain))
                planes.append(chroma.mul_(swing / (2 - 2 * weight)).add_(grey))
    return [plane.round_().clamp_(0, 2**bits - 1) for plane in planes]


def levels(bits: int, full_range: bool) -> tuple[float, float, float, float]:
    """The numbers that stand for black, white and no colour, and the swing of chroma from -1/2 to 1/2."""
    if full_range:
        return 0, 2**bits - 1, 2 ** (bits - 1), 2**bits - 1
    unit = 2 ** (bits - 8)
    return 16 * unit, 235 * unit, 128 * unit, 224 * unit


@cache
def plain_format(name: str) -> str:
    """The planar, little-endian, integer pixel format without alpha that holds the same picture."""
    family = _family(name)
    bits = bit_depth(name)
    depth = min((depth for depth in _DEPTHS[family] if depth >= bits), default=_DEPTHS[family][-1])
    return family if depth == 8 else f"{family}{depth}le"


@cache
def bit_depth(name: str) -> int:
    """Bits per colour value (at most 16, which also stands for float formats)."""
    pixel = av.VideoFormat(name)
    if pixel.has_palette:
        return 8
    return min(16, max(component.bits for component in pixel.components if not component.is_alpha))


def is_rgb(name: str) -> bool:
    """Whether the format stores red, green and blue (or a palette of them)."""
    return _family(name) == "gbrp"


def has_alpha(name: str) -> bool:
    """Whether the format stores transparency."""
    return any(component.is_alpha for component in av.VideoFormat(name).components)


def size_multiple(name: str) -> tuple[int, int]:
    """What width and height must be multiples of for every chroma sample to be whole."""
    across, down = _shifts(name)
    return 2**across, 2**down


@cache
def _family(name: str) -> str:
    pixel = av.VideoFormat(name)
    if pixel.has_palette or pixel.is_rgb or pixel.is_bayer:
        return "gbrp"
    if sum(not component.is_alpha for component in pixel.components) == 1:
        return "gray"
    return f"yuv{_SUBSAMPLING[_shifts(name)]}p"


@cache
def _shifts(name: str) -> tuple[int, int]:
    pixel = av.VideoFormat(name, 64, 64)
    if pixel.is_rgb or len(pixel.components) < 3:
        return 0, 0
    return (64 // pixel.chroma_width(64)).bit_length() - 1, (64 // pixel.chroma_height(64)).bit_length() - 1


@cache
def _is_readable(name: str) -> bool:
    """Whether every colour value has a plane of its own, in plain integers."""
    pixel = av.VideoFormat(name)
    components = pixel.components
    own_planes = len({component.plane for component in components}) == len(components)
    plain = not (pixel.is_big_endian or pixel.has_palette or pixel.is_bit_stream or pixel.is_bayer or "msb" in name)
    return (
        own_planes and plain and all(component.bits in range(8, 17) for component in components) and "f16" not in name
    )


def _repack(frame: av.VideoFrame, name: str, colour: Colour) -> av.VideoFrame:
    """The same values in another layout."""
    matrix, spread = _SWSCALE_MATRIX.get(colour.matrix), 2 if colour.full_range else 1
    return frame.reformat(
        format=name,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=spread,
        dst_color_range=spread,
        threads=1,  # with more, swscale 9.5 garbles one packed 4:2:2 picture in ten
    )


def _read(plane: VideoPlane, name: str) -> Tensor:
    return torch.from_numpy(_values(plane, name)[:, : plane.width].astype(np.float32))


def _values(plane: VideoPlane, name: str) -> np.ndarray:
    """As they lie; a row may be longer than the picture is wide."""
    kind = np.uint8 if bit_depth(name) == 8 else np.uint16
    return np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)


def _enlarge(chroma: Float[Tensor, "y x"], across: int, down: int, size: tuple[int, ...]) -> Float[Tensor, "h w"]:
    """Chroma at the places of luma, cropped to its size."""
    for _ in range(across):
        chroma = _double_on_site(chroma)
    for _ in range(down):
        chroma = _double_between(chroma.T).T
    return chroma[: size[0], : size[1]]


def _shrink(chroma: Float[Tensor, "h w"], across: int, down: int) -> Float[Tensor, "y x"]:
    """The inverse of ``_enlarge``, with an antialiasing filter."""
    for _ in range(down):
        chroma = _halve_between(chroma.T).T
    for _ in range(across):
        chroma = _halve_on_site(chroma)
    return chroma


def _double_on_site(values: Float[Tensor, "n x"]) -> Float[Tensor, "n x2"]:
    following = torch.cat([values[:, 1:], values[:, -1:]], dim=1)
    return torch.stack([values, (values + following) / 2], dim=2).flatten(1)


def _halve_on_site(values: Float[Tensor, "n x"]) -> Float[Tensor, "n half"]:
    """(-1 2 6 2 -1) / 8 around the even samples; mirrored on the left, repeated on the right."""
    last = values[:, -1:]
    right = [last] * (1 + values.shape[1] % 2)
    left = values[:, [min(2, values.shape[1] - 1), min(1, values.shape[1] - 1)]]
    padded = torch.cat([left, values, *right], dim=1)
    count = (values.shape[1] + 1) // 2
    tap = [padded[:, offset : offset + 2 * count - 1 : 2] for offset in range(5)]
    return (tap[1] + tap[3]).div_(4).add_(tap[2], alpha=0.75).sub_(tap[0] + tap[4], alpha=0.125)


def _double_between(values: Float[Tensor, "n x"]) -> Float[Tensor, "n x2"]:
    before = torch.cat([values[:, :1], values[:, :-1]], dim=1)
    after = torch.cat([values[:, 1:], values[:, -1:]], dim=1)
    return torch.stack([torch.lerp(values, before, 0.25), torch.lerp(values, after, 0.25)], dim=2).flatten(1)


def _halve_between(values: Float[Tensor, "n x"]) -> Float[Tensor, "n half"]:
    """(-1 3 3 -1) / 4 around each pair; the border is repeated."""
    right = [values[:, -1:]] * (1 + values.shape[1] % 2)
    padded = torch.cat([values[:, :1], values, *right], dim=1)
    count = (values.shape[1] + 1) // 2
    tap = [padded[:, offset : offset + 2 * count - 1 : 2] for offset in range(4)]
    return (tap[1] + tap[2]).mul_(0.75).sub_(tap[0] + tap[3], alpha=0.25)
