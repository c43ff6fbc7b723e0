"""Test suites as data: how the clips of a folder are found, which of their frames are keys, and which are scored.

``docs/evaluation.md`` tells more about each, and what its numbers can be compared with.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stvsr.errors import InputError, SettingsError
from stvsr.evaluation.clips import VIDEOS, Clip, Found, films, listed, stills, subfolders
from stvsr.evaluation.protocol import Channels, Mode, Sampling, Scored, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Which frames are keys and which are scored, by mode."""

    scored: Mapping[Mode, Scored]
    strides: Mapping[Mode, int]
    """From one key frame to the next; where a mode is missing, as the task asks."""


FILM = Pattern(
    scored={"space-time": "all", "space": "all", "time": "between"},  # in time mode the keys are given at full size
    strides={"space": 1},
)
TRIPLET = Pattern(  # as CycMu-Net has it: the middle frame, or in space mode the first of the two that are given
    scored={"space-time": "between", "space": "first", "time": "between"},
    strides={"space-time": 2, "space": 2, "time": 2},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    title: str
    find: Callable[[Path], Found]
    layout: str
    """How the folder must look."""
    origin: str
    """Where the data are had."""
    pattern: Pattern = FILM
    channels: Channels = "Y"
    """What the field prints."""
    most_frames: int | None = None
    """Longer clips end there."""

    def clips(self, data: Path) -> dict[str, Clip]:
        """The clips of a folder by name. Raises InputError for missing ones: which, where they are had, the layout."""
        if not data.is_dir():
            raise InputError(f"There is no folder {data}. Point --data at {self.layout}. {self.origin}")
        clips, missing = self.find(data)
        if missing or not clips:
            more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
            what = ", ".join(missing[:4]) + more or "it holds no clip"
            raise InputError(f"{data} does not hold {self.title}: {what}. Needed is {self.layout}. {self.origin}")
        return clips

    def sampling(self, task: Task) -> Sampling:
        """Raises SettingsError where the clips have no room for what is asked."""
        stride = self.pattern.strides.get(task.mode, task.times)
        if task.mode != "space" and stride != task.times:
            raise SettingsError(
                f"{self.title}: {stride - 1} frame lies between two key frames, so it measures x{stride} in time, "
                f"not x{task.times}. Leave --times out."
            )
        return Sampling(stride, self.pattern.scored[task.mode])


def suite_called(name: str) -> Suite:
    """One of ``SUITES``. Raises SettingsError for another name."""
    if name not in SUITES:
        raise SettingsError(f"There is no suite called {name!r}. Choose one of: {', '.join(SUITES)}.")
    return SUITES[name]


def septuplets(title: str, *lists: str, count: int) -> Suite:
    places = [(f"sequences/{{}}/im{i}", f"{{}}/im{i}") for i in range(1, 8)]
    return Suite(
        title=title,
        find=partial(stills, names=partial(listed, lists=lists), places=places, count=count),
        layout=f"the folder vimeo_septuplet, with sequences/00001/0266/im1.png and so on, and {lists[0]} in it",
        origin="Vimeo-90K (Xue et al. 2019) is at toflow.csail.mit.edu; the lists of fast, medium and slow clips are "
        "those of Zooming Slow-Mo (Mukosame/Zooming-Slow-Mo-CVPR-2020, folder meta_info).",
    )


OTHER: str = "Beanbags Dimetrodon DogDance Grove2 Grove3 Hydrangea MiniCooper RubberWhale Urban2 Urban3 Venus Walking"
SPMCS: str = (
    "car05_001 hdclub_003_001 hitachi_isee5_001 hk004_001 HKVTG_004 jvc_009_001 NYVTG_006 PRVTG_012 RMVTG_011 "
    "veni3_011 veni5_015"
)
GOPRO: str = (
    "GOPR0384_11_00 GOPR0384_11_05 GOPR0385_11_01 GOPR0396_11_00 GOPR0410_11_00 GOPR0854_11_00 GOPR0862_11_00 "
    "GOPR0868_11_00 GOPR0869_11_00 GOPR0871_11_00 GOPR0881_11_01"
)
ADOBE240: str = (
    "GOPR9653 IMG_0001 IMG_0003 IMG_0004a IMG_0004b IMG_0012 IMG_0013 IMG_0015 IMG_0016 IMG_0017 IMG_0024 IMG_0037 "
    "IMG_0037a IMG_0045 IMG_0056 IMG_0058 IMG_0175"
)

SUITES: dict[str, Suite] = {
    "vid4": Suite(
        title="Vid4",
        find=partial(films, names={"calendar": 41, "city": 34, "foliage": 49, "walk": 47}, within=("GT", "HR")),
        layout="a folder with the sub-folders calendar, city, foliage and walk, one picture per frame",
        origin="Vid4 (Liu and Sun 2011) comes with most video super-resolution projects; take the originals (GT).",
    ),
    "vimeo-fast": septuplets("Vimeo-90K fast", "fast_testset.txt", "sep_fast_testset.txt", count=1225),
    "vimeo-medium": septuplets("Vimeo-90K medium", "medium_testset.txt", "sep_medium_testset.txt", count=4977),
    "vimeo-slow": septuplets("Vimeo-90K slow", "slow_testset.txt", "sep_slow_testset.txt", count=1613),
    "vimeo-septuplets": septuplets("the Vimeo-90K septuplets", "sep_testlist.txt", count=7824),
    "vimeo-triplets": Suite(
        title="the Vimeo-90K triplets",
        find=partial(
            stills,
            names=partial(listed, lists=("tri_testlist.txt",)),
            places=[(f"sequences/{{}}/im{i}",) for i in (1, 2, 3)],
            count=3782,
        ),
        layout="the folder vimeo_triplet, with sequences/00001/0389/im1.png and so on, and tri_testlist.txt in it",
        origin="Vimeo-90K (Xue et al. 2019) is at toflow.csail.mit.edu.",
        pattern=TRIPLET,
        channels="RGB",
    ),
    "ucf101": Suite(
        title="the UCF101 triplets",
        find=partial(
            stills, names=subfolders, places=[("{}/frame_00",), ("{}/frame_01_gt",), ("{}/frame_02",)], count=379
        ),
        layout="the folder ucf101_interp_ours, with 1/frame_00.png, 1/frame_01_gt.png, 1/frame_02.png and so on",
        origin="The 379 triplets of UCF101 come with Deep Voxel Flow (Liu et al. 2017).",
        pattern=TRIPLET,
        channels="RGB",
    ),
    "middlebury": Suite(
        title='Middlebury "other"',
        find=partial(
            stills,
            names=lambda _: OTHER.split(),
            places=[
                ("other-data/{}/frame10", "input/{}/frame10"),
                ("other-gt-interp/{}/frame10i11", "gt/{}/frame10i11"),
                ("other-data/{}/frame11", "input/{}/frame11"),
            ],
        ),
        layout="a folder with other-data/Beanbags/frame10.png, other-data/Beanbags/frame11.png, "
        "other-gt-interp/Beanbags/frame10i11.png and so on (or input and gt for the first parts)",
        origin="It is at vision.middlebury.edu/flow/data: other-color-twoframes and other-gt-interp.",
        pattern=TRIPLET,
        channels="RGB",
    ),
    "adobe240": Suite(
        title="Adobe240",
        find=partial(films, names=ADOBE240.split(), within=("original_high_fps_videos",)),
        layout="a folder with the 17 test clips, as videos (IMG_0001.MOV) or as folders of pictures",
        origin="Adobe240 (Su et al. 2017) is DeepVideoDeblurring_Dataset_Original_High_FPS_Videos.zip at cs.ubc.ca; "
        "the 17 clips are VideoINR's test list.",
    ),
    "gopro": Suite(
        title="GoPro",
        find=partial(films, names=GOPRO.split(), within=("test",)),
        layout="the folder GOPRO_Large_all, or its sub-folder test, with the 11 test clips as folders of pictures",
        origin="GoPro (Nah et al. 2017) is at seungjunnah.github.io/Datasets/gopro: take GOPRO_Large_all.",
    ),
    "spmcs": Suite(
        title="SPMCS",
        find=partial(films, names=dict.fromkeys(SPMCS.split(), 31)),
        layout="a folder with 11 sub-folders such as car05_001, each with 31 pictures (or with those in truth)",
        origin="SPMCS (Tao et al. 2017): the 11 clips that PFNL (Yi et al. 2019) and its successors print.",
    ),
    "udm10": Suite(
        title="UDM10",
        find=partial(films, within=("GT",), count=10, frames=32),
        layout="a folder with 10 sub-folders, each with 32 pictures (or with those in truth)",
        origin="UDM10 (Yi et al. 2019) comes with PFNL.",
    ),
    "reds4": Suite(
        title="REDS4",
        find=partial(films, names=dict.fromkeys(("000", "011", "015", "020"), 100), within=("GT", "sharp")),
        layout="a folder with the sub-folders 000, 011, 015 and 020, each with 100 pictures",
        origin="REDS (Nah et al. 2019) is at seungjunnah.github.io/Datasets/reds: these are four clips of train_sharp.",
    ),
    "folder": Suite(
        title="clips",
        find=films,
        layout=f"a folder of videos ({', '.join(VIDEOS)}), or of folders of pictures, each a clip without cuts",
        origin="Every clip counts the same.",
        most_frames=200,
    ),
}
