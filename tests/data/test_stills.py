"""Films made of one picture. Referee: pictures and motions with a formula."""

from pathlib import Path as FilePath

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from stvsr.data.sampler import Sampler
from stvsr.data.source import Cadence, Size
from stvsr.data.stills import CameraMotion, MixedSource, Path, StillSource, exact_flows, exponential, film
from stvsr.errors import TrainingError
from stvsr.ops.warp import backward_warp

QUARTERS = Cadence(keys=3, factor=4, probability=1.0)


def waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Three smooth colours, in levels."""
    phases = (0.11 * x + 0.05 * y, 0.07 * x - 0.09 * y + 1, 0.13 * y + 2)
    return np.stack([127.5 + 100 * np.sin(phase) for phase in phases])


@pytest.fixture
def wavy() -> torch.Tensor:
    y, x = np.mgrid[:300, :400]
    return torch.from_numpy(waves(x, y).round().astype(np.uint8))


@pytest.mark.parametrize("seed", range(3))
def test_a_matrix_exponential_is_that_of_scipy(seed: int):
    random = np.random.default_rng(seed)
    for matrix in (random.normal(size=(2, 2)), np.zeros((2, 2)), np.array([[0.0, -0.3], [0.3, 0.0]])):
        assert np.allclose(exponential(matrix), expm(matrix), atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_every_instant_shows_what_the_path_says(wavy: torch.Tensor, seed: int):
    """A picture of waves: the film of it is known at every pixel and instant, up to where the film begins and how
    far the picture is shrunk, which the first frame's phases tell."""
    random = np.random.default_rng(seed)
    path = Path.drawn(CameraMotion(glide=12, turn=0.05, zoom=0.05), random)
    times, size = [-1.0, -0.4, 0.0, 0.5, 1.0], Size(48, 64)
    frames = film(wavy, path, times, size, random)
    assert frames is not None
    rows, columns = np.mgrid[:48, :64]
    points = np.stack([columns - 31.5, rows - 23.5], -1)
    middle = waves_seen(frames[2])
    for frame, time in zip(frames, times, strict=True):
        matrix, shift = path.at(time)
        expected = middle(points @ matrix.T + shift)
        assert np.abs(frame.numpy() - expected).max() < 3.5


def waves_seen(frame: torch.Tensor):
    """The function of which a frame is made: each colour one wave, fitted to the middle frame."""
    rows, columns = np.mgrid[: frame.shape[-2], : frame.shape[-1]]
    points = np.stack([columns - (frame.shape[-1] - 1) / 2, rows - (frame.shape[-2] - 1) / 2], -1)[::5, ::5]
    directions = np.array([[0.11, 0.05], [0.07, -0.09], [0.0, 0.13]])
    best: tuple[float, float, list[np.ndarray]] = (np.inf, 0, [])
    for reduction in np.linspace(1, 4, 301):
        error, fits = 0.0, []
        for colour, direction in zip(frame[:, ::5, ::5].numpy(), directions, strict=True):
            phase = (points @ direction * reduction).ravel()
            table = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], 1)
            fit, residual, *_ = np.linalg.lstsq(table, colour.ravel().astype(float), rcond=None)
            error += float(residual[0])
            fits.append(fit)
        best = min(best, (error, reduction, fits), key=lambda entry: entry[0])
    _, reduction, fits = best

    def seen(at: np.ndarray) -> np.ndarray:
        phases = [at @ direction * reduction for direction in directions]
        return np.stack([a * np.sin(p) + b * np.cos(p) + c for p, (a, b, c) in zip(phases, fits, strict=True)])

    return seen


def test_the_flow_is_exact(held, picture):
    """It brings the next key onto this one as exactly as bilinear warping can, and forth and back cancel."""
    source = StillSource(name="x", clips=[held("a", picture(300, 400, grain=24)[None].mul(255).byte())])
    sampler = Sampler(source, [QUARTERS], scale=2, crop=32, batch_size=4, seed=1, device=torch.device("cpu"))
    batch = sampler.batch(0)
    assert batch.flow_forth is not None
    assert batch.flow_back is not None
    assert batch.flow_forth.square().sum(2).sqrt().amax((1, 2, 3)).max() > 1
    inner = (..., slice(12, -12), slice(12, -12))
    for key in range(2):
        here, there = batch.clip[:, key], batch.clip[:, key + 1]
        for flow, first, second in ((batch.flow_forth, here, there), (batch.flow_back, there, here)):
            still, moved = (other[inner] - first[inner] for other in (second, backward_warp(second, flow[:, key])))
            assert moved.abs().mean() < 0.05 * still.abs().mean()
        around = batch.flow_forth[:, key] + backward_warp(batch.flow_back[:, key], batch.flow_forth[:, key])
        assert around[inner].abs().max() < 1e-3


def test_a_pure_glide_is_a_constant_flow():
    path = Path(np.zeros((2, 2)), np.array([3.0, -2.0]), np.zeros(2))
    flows = exact_flows(path, [-1.0, 0.0, 1.0], Size(16, 24))
    assert flows.shape == (2, 2, 2, 4, 6)
    assert torch.allclose(flows[:, 0, 0], torch.tensor(-3.0))  # the camera goes right, the picture left
    assert torch.allclose(flows[:, 0, 1], torch.tensor(2.0))
    assert torch.allclose(flows[:, 1], -flows[:, 0])


def test_detail_that_does_not_fit_is_averaged_away_and_does_not_flicker():
    """A chessboard of single pixels, seen at half its size or less, is grey at every instant."""
    board = ((torch.arange(400)[:, None] + torch.arange(400)) % 2 * 255).to(torch.uint8)[None].repeat(3, 1, 1)
    for seed in range(4):
        random = np.random.default_rng(seed)
        path = Path.drawn(CameraMotion(), random)
        frames = film(board, path, [-1.0, -0.3, 0.2, 1.0], Size(64, 64), random)
        assert frames is not None
        assert (frames.float() - 127.5).abs().max() < 12


def test_nothing_beyond_the_picture_is_ever_seen():
    """A picture with a bright frame around it that lies outside: were it looked at, something would be bright."""
    inner = torch.full((3, 140, 180), 100, dtype=torch.uint8)
    inner[:, 0], inner[:, -1], inner[:, :, 0], inner[:, :, -1] = 255, 255, 255, 255
    for seed in range(12):
        random = np.random.default_rng(seed)
        frames = film(inner, Path.drawn(CameraMotion(), random), [-1.0, 0.0, 1.0], Size(64, 64), random)
        assert frames is None or frames.max() <= 101


def test_small_and_broken_pictures_are_said_and_left_out(held, picture):
    clips = [
        held("small", picture(40, 40)[None].mul(255).byte()),
        held("broken", torch.zeros(1, 3, 4, 4, dtype=torch.uint8), broken="b.png is torn."),
        held("good", picture(200, 200)[None].mul(255).byte()),
    ]
    said: list[str] = []
    source = StillSource(name="x", clips=clips, report=said.append)
    for seed in range(12):
        cut = source.cut(QUARTERS, Size(32, 32), 16, np.random.default_rng(seed))
        assert cut.frames.shape == (9, 3, 64, 64)
    assert sorted(said) == [
        "b.png is torn. It is left out.",
        "small is 40x40, too small to move about in with crops of 32x32: left out.",
    ]
    with pytest.raises(TrainingError, match="50 pictures in a row"):
        source.only(lambda name: name == "small").cut(QUARTERS, Size(32, 32), 16, np.random.default_rng(0))
    with pytest.raises(TrainingError, match="holds no picture"):
        source.only(lambda name: name == "other")


def test_the_same_draw_gives_the_same_film(held, picture, tmp_path: FilePath):
    source = StillSource(name=str(tmp_path), clips=[held("a", picture(200, 200)[None].mul(255).byte())])
    cuts = [source.cut(QUARTERS, Size(32, 32), 16, np.random.default_rng(seed)).frames for seed in (1, 1, 2)]
    assert torch.equal(cuts[0], cuts[1])
    assert not torch.equal(cuts[0], cuts[2])


def test_a_mixture_is_so_many_stills_and_the_rest_films(held):
    dark, bright = (held(str(level), torch.full((1, 3, 100, 100), level, dtype=torch.uint8)) for level in (50, 200))
    films, stills = StillSource(name="films", clips=[dark]), StillSource(name="stills", clips=[bright])
    mixed = MixedSource(films=films, stills=stills, share=0.25)
    random = np.random.default_rng(0)
    cuts = [mixed.cut(QUARTERS, Size(8, 8), 4, random) for _ in range(200)]
    assert 30 < sum(int(cut.frames.max()) > 100 for cut in cuts) < 70
