"""What the numbers in a film's planes mean: matrix, range, primaries, transfer; tagged, or guessed and then tagged.

Names are FFmpeg's, codes are those of ITU-T H.273 (the same in H.264, HEVC, AV1, mp4 and Matroska).
"""

from dataclasses import dataclass

from stvsr.errors import InputError

UNSPECIFIED = 2
LUMA_WEIGHTS = {  # matrix code: weights of red and blue in luma (H.273, table 4)
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """How RGB became the numbers in the file. Nothing here is ever unspecified."""

    matrix: int
    """H.273 matrix coefficients; 0 for RGB."""
    full_range: bool
    """True: black is 0 and white the largest number; False: black is 16 and white 235, in 8 bits."""
    primaries: int
    transfer: int
    guessed: tuple[str, ...] = ()
    """Which of the four the file did not tell."""

    def __str__(self) -> str:
        matrix, spread = MATRICES.get(self.matrix, self.matrix), "full" if self.full_range else "limited"
        primaries = PRIMARIES.get(self.primaries, self.primaries)
        return f"matrix {matrix}, {spread} range, primaries {primaries}, transfer {self.transfer_name}"

    @property
    def transfer_name(self) -> str:
        return TRANSFERS.get(self.transfer, str(self.transfer))

    @property
    def hdr(self) -> str | None:
        """ "PQ" or "HLG" for high dynamic range, else None."""
        return HDR_TRANSFERS.get(self.transfer)


def colour_of(
    *, matrix: int, color_range: int, primaries: int, transfer: int, height: int, is_rgb: bool, is_full_format: bool
) -> Colour:
    """Complete the tags of a stream by the rule of players.

    An untagged film of 720 lines or more is BT.709; smaller ones are BT.601 (its 625-line form for 576 lines, else
    525); the primaries, where they are tagged, say more than the height does. Untagged YUV has limited range unless
    its pixel format (yuvj...) says full; RGB has full range and, untagged, the sRGB transfer.
    Raises InputError for a matrix that is not linear in the film's own RGB (YCgCo, ICtCp, constant luminance).
    """
    guessed = [
        name
        for name, code, unknown in (
            ("matrix", matrix, (UNSPECIFIED, 3)),
            ("range", color_range, (0,)),
            ("primaries", primaries, (0, UNSPECIFIED, 3)),
            ("transfer", transfer, (0, UNSPECIFIED, 3)),
        )
        if code in unknown
    ]
    if is_rgb:
        return Colour(
            matrix=0,
            full_range=color_range != 1,
            primaries=1 if "primaries" in guessed else primaries,
            transfer=13 if "transfer" in guessed else transfer,
            guessed=tuple(name for name in guessed if name != "matrix"),
        )
    if matrix == 0:  # YUV planes cannot hold RGB; the tag is a common slip of screen recorders
        matrix, guessed = UNSPECIFIED, ["matrix", *guessed]
    like = _standard(matrix, primaries, height)
    matrix = like[0] if "matrix" in guessed else matrix
    if matrix not in LUMA_WEIGHTS:
        raise InputError(
            f"The film's colour matrix (H.273 code {matrix}) cannot be converted here. "
            f"Convert the film to BT.709 or BT.2020 non-constant luminance first."
        )
    return Colour(
        matrix=matrix,
        full_range=color_range == 2 or is_full_format,
        primaries=like[1] if "primaries" in guessed else primaries,
        transfer=like[2] if "transfer" in guessed else transfer,
        guessed=tuple(name for name in guessed if name != "range" or not is_full_format),
    )


def as_yuv(colour: Colour, height: int) -> Colour:
    """The YUV colour in which an RGB film is stored: limited range, matrix by the height; a YUV film's own colour."""
    if colour.matrix:
        return colour
    matrix, _, _ = _standard(UNSPECIFIED, colour.primaries if colour.primaries != 1 else UNSPECIFIED, height)
    return Colour(matrix=matrix, full_range=False, primaries=colour.primaries, transfer=colour.transfer)


def as_rgb(colour: Colour) -> Colour:
    """The same light as full-range RGB."""
    return Colour(matrix=0, full_range=True, primaries=colour.primaries, transfer=colour.transfer)


def _standard(matrix: int, primaries: int, height: int) -> tuple[int, int, int]:
    """Matrix, primaries and transfer of the standard that the known tags, or else the height, point to."""
    by_matrix = {1: (1, 1, 1), 4: (4, 4, 4), 5: (5, 5, 6), 6: (6, 6, 6), 7: (7, 7, 7), 9: (9, 9, 14)}
    by_primaries = {1: (1, 1, 1), 5: (5, 5, 6), 6: (6, 6, 6), 7: (7, 7, 7), 9: (9, 9, 14)}
    if matrix in by_matrix:
        return by_matrix[matrix]
    if primaries in by_primaries:
        return by_primaries[primaries]
    if height >= 720:
        return 1, 1, 1
    return (5, 5, 6) if height in (288, 576) else (6, 6, 6)
