"""Where a network wins most over bicubic, and where it loses: ``python benchmarks/crops.py [NETWORK]``

Every frame of Vid4 and every middle frame of Middlebury "other", made large (x4) with twice the frames, is cut into
squares; of each clip the square with the greatest and with the least gain in PSNR is kept. The clips with the six
greatest gains and those with the three least become a picture, ``docs/results/crops.jpg``; the reasons, found by
looking, are in ``docs/results/crops.md``.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from jaxtyping import Float
from results import MIDDLEBURY, RESULTS, VID4
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.degrade import to_bytes
from stvsr.evaluation.figures import new_figure, pixels
from stvsr.evaluation.measure import evaluate_suite
from stvsr.evaluation.metrics import luma
from stvsr.evaluation.protocol import make_task
from stvsr.weights.catalog import load_network

SIDE = 96
WINS, LOSSES = 6, 3
UNSEEN = 1e-4
"""A mean square error (40 dB) that nobody sees: added to both, so that flat squares win nothing."""


@dataclass(frozen=True)
class Square:
    gain: float
    frame: int
    pictures: list[Float[Tensor, "c h w"]]
    """Bicubic, the network, the original."""


class Search:
    """The best and the worst square of each clip, while an evaluation shows frame after frame."""

    def __init__(self) -> None:
        self.plain: list[Tensor] = []
        self.best: dict[str, Square] = {}
        self.worst: dict[str, Square] = {}
        self.clip, self.seen = "", 0

    def show(self, network: str, clip: str, images: Float[Tensor, "n c h w"], truth: Float[Tensor, "n c h w"]) -> None:
        """Bicubic comes first, all of a clip, and is kept until the other's frames come."""
        if network == "bicubic":
            self.plain = [*(self.plain if clip == self.clip else []), *images.cpu()]
            self.clip, self.seen = clip, 0
            return
        for ours, true in zip(images.cpu(), truth.cpu(), strict=True):
            plain = self.plain[self.seen]
            errors = [
                F.avg_pool2d((luma(own[None]) - luma(true[None])).square(), SIDE, SIDE // 2) for own in (plain, ours)
            ]
            gains = 10 * ((errors[0] + UNSEEN) / (errors[1] + UNSEEN)).log10()[0]
            for found, place, choose in ((self.best, gains.argmax(), max), (self.worst, gains.argmin(), min)):
                row, column = (SIDE // 2 * at for at in divmod(int(place), gains.shape[1]))
                cut = [own[:, row : row + SIDE, column : column + SIDE] for own in (plain, ours, true)]
                square = Square(float(gains.flatten()[place]), self.seen, cut)
                found[clip] = choose(found.get(clip, square), square, key=attrgetter("gain"))
            self.seen += 1


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "unison-s"
    search, networks = Search(), [(each, load_network(each, 4)) for each in ("bicubic", name)]
    evaluate_suite("vid4", VID4, networks, watch=search.show)
    evaluate_suite("middlebury", MIDDLEBURY, networks, task=make_task(scale=4, times=2), watch=search.show)
    wins = sorted(search.best.items(), key=lambda item: -item[1].gain)[:WINS]
    losses = sorted(search.worst.items(), key=lambda item: item[1].gain)[:LOSSES]
    shown = [*wins, *losses]
    for clip, square in shown:
        print(f"{clip}, frame {square.frame}: {square.gain:+.2f} dB")
    columns = {f"{clip}, frame {square.frame}\n{square.gain:+.1f} dB": square.pictures for clip, square in shown}
    draw(columns, ("bicubic", name, "original"), RESULTS / "crops.jpg")


def draw(columns: Mapping[str, Sequence[Float[Tensor, "c h w"]]], rows: Sequence[str], path: Path) -> None:
    """Squares side by side, under their titles; every row has a label."""
    figure = new_figure(2.2 * len(columns), 2.4 * len(rows))
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for column, (title, pictures) in enumerate(columns.items()):
        axes[0, column].set_title(title, fontsize=9)
        for row, picture in enumerate(pictures):
            axes[row, column].imshow(pixels(to_bytes(picture)), interpolation="nearest")
            axes[row, column].set_xticks([])
            axes[row, column].set_yticks([])
    for row, label in enumerate(rows):
        axes[row, 0].set_ylabel(label)
    figure.savefig(path)


if __name__ == "__main__":
    main()
