"""What the papers print: the tables of ``published/*.csv`` with the protocol of each, and what stands in the way.

The files keep the layout of the printed tables, so that a row can be held against the paper. Numbers are as printed.
A column is named ``suite xSCALE measure``; parameters are in millions ("21.7+10.4": two networks), MACs in 10^12 for
four frames of 180x144. "A → B" applies A first. Ablations are left out. ``docs/evaluation.md`` tells what each paper
says about its protocol, and what its numbers give away.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from stvsr.evaluation.protocol import Channels, Mode, Scored, Task, make_task

FOLDER = Path(__file__).parent / "published"
MEASURES = ("psnr", "ssim", "ie", "niqe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What one table prints for one system on one suite."""

    system: str
    paper: str
    table: str
    suite: str
    protocol: Task
    channels: Channels
    scored: Scored
    numbers: Mapping[str, float]
    """By measure; PSNR in dB, IE on the scale 0 ... 255."""
    parameters: float | None
    """Millions."""
    macs: float | None
    """10^12 multiply-accumulates."""
    doubt: str | None
    """Why the protocol is not known well enough to compare with, if so."""

    @property
    def source(self) -> str:
        return f"{self.paper}, Table {self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How the rows of one file were measured."""

    file: str
    paper: str
    table: str
    mode: Mode = "space-time"
    times: int | None = None
    channels: Channels = "Y"
    scored: Scored = "all"
    doubts: Mapping[str, str] = field(default_factory=dict)
    """By suite, or for all under ``""``."""


MBNET = (
    "the paper does not say whether Y or RGB: its Zooming Slow-Mo has 24.42 dB on Vid4, where others print 26.31 on Y"
)
QUOTED = "quoted from STARnet's paper; MBnet's own rows beside it follow another protocol"
WHICH_UCF = "the paper says neither which frames of UCF101 these are nor which of them are scored"
WHICH_ADOBE = "the paper does not say which frames of Adobe240 are scored, nor at which size"
SEVERAL = "the paper does not say which frames are scored when several are rendered between two keys"

TABLES = (
    Table(file="cycmunet-1", paper="CycMu-Net", table="1", channels="RGB", scored="between"),
    Table(file="cycmunet-2", paper="CycMu-Net", table="2", channels="RGB", scored="first", mode="space"),
    Table(file="cycmunet-3", paper="CycMu-Net", table="3", channels="RGB", scored="between", mode="time"),
    Table(file="temporal-profile-1", paper="TP", table="1", doubts={"ucf101": WHICH_UCF}),
    Table(file="stinet-1", paper="STINet", table="I", doubts={"adobe240": WHICH_ADOBE}),
    Table(file="stinet-2-3", paper="STINet", table="II", times=4, doubts={"": SEVERAL}),
    Table(file="stinet-2-5", paper="STINet", table="II", times=6, doubts={"": SEVERAL}),
    Table(file="mbnet-3-own", paper="MBnet", table="3", doubts={"": MBNET}),
    Table(file="mbnet-3-quoted", paper="MBnet", table="3", channels="RGB", scored="between", doubts={"": QUOTED}),
    Table(file="yogo-1", paper="YOGO", table="1"),
    Table(file="yogo-2", paper="YOGO", table="2"),
)


@cache
def published() -> tuple[Published, ...]:
    """Everything printed, in the order of the papers."""
    return tuple(row for table in TABLES for row in rows_of(table))


def on_suite(suite: str) -> tuple[Published, ...]:
    """What is printed for one suite, whatever the protocol."""
    return tuple(row for row in published() if row.suite == suite)


def difference(row: Published, task: Task, channels: Channels, scored: Scored) -> str | None:
    """Why a printed number must not stand beside ours, which were measured so; None where it may."""
    theirs = row.protocol
    if theirs.mode != task.mode or theirs.times != task.times or theirs.scale != task.scale:
        return f"measured {theirs}"
    if row.doubt is not None:
        return row.doubt
    if row.channels != channels:
        return f"measured on {row.channels}, ours on {channels}"
    if row.scored != scored:
        return f"scored frames: {row.scored}, ours: {scored}"
    return None


def rows_of(table: Table) -> Iterator[Published]:
    with (FOLDER / f"{table.file}.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            numbers: dict[tuple[str, int], dict[str, float]] = {}
            for column, text in line.items():
                if text and column not in ("system", "parameters", "macs"):
                    suite, scale, measure = column.split()
                    numbers.setdefault((suite, int(scale[1:])), {})[measure] = float(text)
            for (suite, scale), found in numbers.items():
                yield Published(
                    system=line["system"],
                    paper=table.paper,
                    table=table.table,
                    suite=suite,
                    protocol=make_task(table.mode, scale=scale, times=table.times),
                    channels=table.channels,
                    scored=table.scored,
                    numbers=found,
                    parameters=sum_of(line["parameters"]),
                    macs=sum_of(line.get("macs", "")),
                    doubt=table.doubts.get(suite, table.doubts.get("")),
                )


def sum_of(text: str) -> float | None:
    """ "21.7+10.4" is 32.1; None for nothing."""
    return round(sum(float(part) for part in text.split("+")), 6) if text else None
