"""Referees: closed forms on the bicubic network, the network called on the whole clip, and small networks made here."""

import weakref
from collections.abc import Iterator
from fractions import Fraction

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from stvsr.clip import Frame, Times
from stvsr.errors import InputError, SettingsError, WeightsError
from stvsr.inference import RenderReport, RenderSettings, Target, render
from stvsr.networks import NETWORKS, Network, Spec

HALF = Fraction(1, 2)


class Fake(Network):
    """Linear in time like bicubic, enlarged by repeating pixels; each test says what else it does."""

    def __init__(self, **facts) -> None:
        super().__init__()
        self.spec = Spec(**{"scale": 2, "step": None, "reach": 0, "context": 1, **facts})
        self.calls: list[tuple[int, tuple[int, int], list[Fraction]]] = []

    def render(self, clip: Tensor, times: Times) -> Tensor:
        self.calls.append((clip.shape[1], (clip.shape[-2], clip.shape[-1]), list(times)))  # type: ignore[arg-type]
        parts = [torch.lerp(clip[:, int(t)], clip[:, -(int(-t // 1))], float(t - int(t))) for t in times]
        return torch.stack([F.interpolate(part, scale_factor=self.spec.scale) for part in parts], 1)


class Neighbours(Fake):
    """Context: also averages over as many frames on either side as its spec says."""

    def render(self, clip: Tensor, times: Times) -> Tensor:
        frames = super().render(clip, times)
        context = self.spec.context or 0
        for s, t in enumerate(times):
            around = range(-(int(-t // 1)) - context, int(t) + context + 1)
            for i in around:
                frames[:, s] += F.interpolate(clip[:, min(max(i, 0), clip.shape[1] - 1)], scale_factor=2) / 64
        return frames / 4


def colours(frames: Iterator[Frame]) -> list[float]:
    return [frame.image.mean().item() for frame in frames]


def noise(count: int, height: int = 12, width: int = 16) -> list[Tensor]:
    return list(torch.randint(0, 256, (count, 3, height, width), generator=torch.manual_seed(0)) / 256)


def test_nothing_is_interpolated_across_a_cut(film):
    source = film([0.1, 0.2, 0.8, 0.9, 0.3], cuts=[0, 2, 4])
    out = list(render(source, NETWORKS["bicubic"](scale=2), Target(factor=2)))
    expected = [0.1, 0.15, 0.2, 0.2, 0.8, 0.85, 0.9, 0.9, 0.3, 0.3]
    assert colours(iter(out)) == pytest.approx(expected, abs=1e-6)
    assert [frame.time for frame in out] == [Fraction(i, 48) for i in range(10)]
    assert [i for i, frame in enumerate(out) if frame.starts_shot] == [0, 4, 8]


@pytest.mark.parametrize(
    "target", [Target(), Target(factor=3), Target(slow_motion=4), Target(fps=48)], ids=["keep", "x3", "slow", "fps"]
)
def test_every_source_frame_appears_at_its_own_time(film, target):
    source = film(noise(20), cuts=[7])
    out = {frame.time: frame.image for frame in render(source, NETWORKS["bicubic"](scale=1), target)}
    for frame in source:
        torch.testing.assert_close(out[frame.time * target.slow_motion], frame.image)


def test_ntsc_film_becomes_sixty_by_the_closed_form(film):
    source = film([i / 64 for i in range(48)], rate=Fraction(24000, 1001))
    out = list(render(source, NETWORKS["bicubic"](scale=2), Target(fps=60)))
    assert len(out) == 121  # 2.002 s
    assert [frame.time for frame in out] == [Fraction(k, 60) for k in range(121)]
    ramp = [min(k * 400 / 1001, 47) / 64 for k in range(121)]
    assert colours(iter(out)) == pytest.approx(ramp, abs=1e-6)


@pytest.mark.parametrize(("context", "window"), [(1, None), (1, 3), (1, 5), (1, 8), (2, None), (2, 5), (2, 8)])
def test_windows_change_nothing_where_they_overlap_by_the_context(film, window, context):
    images, network = noise(33), Neighbours(context=context)
    whole = network(torch.stack(images)[None], [Fraction(i, 2) for i in range(65)])[0]
    out = list(render(film(images), network, Target(factor=2), RenderSettings(window=window)))
    assert torch.equal(torch.stack([frame.image for frame in out[:-1]]), whole)
    assert torch.equal(out[-1].image, whole[-1])


def test_tiles_change_nothing_where_they_overlap_by_the_reach(film):
    source, network = film(noise(6, 40, 70)), NETWORKS["bicubic"](scale=2)
    whole = list(render(source, network, Target(factor=2)))
    tiled = list(render(source, network, Target(factor=2), RenderSettings(tile=24)))
    assert all(torch.equal(one.image, other.image) for one, other in zip(whole, tiled, strict=True))


@pytest.mark.parametrize("target", [Target(factor=2), Target(factor=64), Target(fps=240)], ids=["x2", "x64", "fps"])
def test_memory_does_not_grow_with_the_film(target):
    most = most_alive(120, target)
    assert most_alive(40, target) == most
    assert most <= 14 + 32 + 3  # a window of input, one part of the output, and what is on its way


def most_alive(count: int, target: Target) -> int:
    """How many pictures, source and rendered, are alive at once while a film of this length goes through."""
    alive: set[int] = set()
    most = 0

    def counted(frame: Frame) -> Frame:
        nonlocal most
        if id(frame.image) not in alive:  # held pictures come more than once
            alive.add(id(frame.image))
            weakref.finalize(frame.image, alive.remove, id(frame.image))
        most = max(most, len(alive))
        return frame

    def source() -> Iterator[Frame]:
        for i in range(count):
            image = torch.full((3, 4, 4), (i % 16) / 16)
            yield counted(Frame(image=image, time=Fraction(i, 24), duration=Fraction(1, 24)))

    for frame in render(source(), NETWORKS["bicubic"](scale=2), target):
        counted(frame)
    return most


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (7, 3), (2, 4000)])
def test_tiny_and_odd_pictures_come_out_scaled(film, height, width):
    source = film(noise(2, height, width))
    for frame in render(source, NETWORKS["bicubic"](scale=4), Target(factor=2), RenderSettings(tile=64)):
        assert frame.image.shape == (3, 4 * height, 4 * width)


class SmallMemory(Fake):
    """Refuses clips above a number of pixels, in the CPU allocator's own words."""

    def __init__(self, pixels: int, **facts) -> None:
        super().__init__(**facts)
        self.pixels, self.refused = pixels, 0

    def render(self, clip: Tensor, times: Times) -> Tensor:
        if clip.shape[-2] * clip.shape[-1] > self.pixels:
            self.refused += 1
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"
            )
        return super().render(clip, times)


def test_tiles_are_halved_when_memory_runs_out_and_stay_so(film, caplog):
    source, report = film(noise(40, 60, 100)), RenderReport()
    small, large = SmallMemory(32 * 32), Fake()
    out = list(render(source, small, Target(factor=2), report=report))
    whole = list(render(source, large, Target(factor=2)))
    assert all(torch.equal(one.image, other.image) for one, other in zip(out, whole, strict=True))
    assert report.tile == 25
    assert small.refused == 2  # 100, 50; the second window starts at 25
    assert len(report.remarks) == len(caplog.messages) == 2
    assert "tiles of 100 pixels; going on with 50" in report.remarks[0]


def test_a_memory_too_small_for_any_tile_is_told_with_a_cure(film):
    with pytest.raises(SettingsError, match="--device"):
        list(render(film(noise(2, 60, 100)), SmallMemory(0), Target()))


def test_other_errors_are_not_taken_for_memory(film):
    class Broken(Fake):
        def render(self, clip: Tensor, times: Times) -> Tensor:  # noqa: ARG002
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        list(render(film(noise(2)), Broken()))


class Overflowing(Fake):
    """Returns NaN in low precision, and in fp32 for pictures of pure white."""

    def render(self, clip: Tensor, times: Times) -> Tensor:
        bad = torch.is_autocast_enabled("cpu") or clip.min() == 1
        return super().render(clip, times) * (torch.nan if bad else 1)


def test_a_window_that_overflows_is_done_again_in_fp32(film):
    source, report = film(noise(3)), RenderReport()
    out = list(render(source, Overflowing(), Target(), RenderSettings(precision="bf16"), report))
    exact = list(render(source, Fake(), Target()))
    assert all(torch.equal(one.image, other.image) for one, other in zip(out, exact, strict=True))
    assert "fp32" in report.remarks[0]


class Flattening(Fake):
    """Returns one grey in low precision."""

    def render(self, clip: Tensor, times: Times) -> Tensor:
        images = super().render(clip, times)
        return torch.full_like(images, 0.5) if torch.is_autocast_enabled("cpu") else images


def test_a_flat_picture_where_the_source_has_one_to_show_is_done_again_in_fp32(film):
    report, settings = RenderReport(), RenderSettings(precision="bf16")
    out = list(render(film(noise(3)), Flattening(), Target(), settings, report))
    exact = list(render(film(noise(3)), Fake(), Target()))
    assert all(torch.equal(one.image, other.image) for one, other in zip(out, exact, strict=True))
    assert "flat picture" in report.remarks[0]
    calm = RenderReport()  # a source that is flat itself may stay so
    list(render(film(torch.full((3, 3, 16, 16), 0.2)), Flattening(), Target(), settings, calm))
    assert calm.remarks == []


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_pictures_that_are_no_numbers_are_never_given_out(film, precision):
    with pytest.raises(WeightsError, match="not numbers"):
        list(render(film([1.0]), Overflowing(), Target(), RenderSettings(precision=precision)))


def test_values_stay_between_black_and_white(film):
    stripes = torch.zeros(3, 8, 8)
    stripes[..., ::2] = 1  # bicubic overshoots here
    (frame,) = render(film([stripes]), NETWORKS["bicubic"](scale=4))
    assert frame.image.min() == 0
    assert frame.image.max() == 1
    assert frame.image.dtype == torch.float32
    frame.image.mul_(1)  # an ordinary tensor: whoever takes it may work in it


@pytest.mark.parametrize(
    ("target", "count"), [(Target(factor=2), 1), (Target(factor=4), 2), (Target(factor=8), 3)], ids=["x2", "x4", "x8"]
)
def test_a_midpoint_network_reaches_every_halving(film, target, count):
    network = Fake(step=HALF)
    out = list(render(film([i / 16 for i in range(8)], cuts=[5]), network, target))
    n = target.factor
    ramp = [min(i / n, 4 if i < 5 * n else 7) / 16 for i in range(8 * n)]
    assert colours(iter(out)) == pytest.approx(ramp, abs=1e-6)
    assert len({len(times) for _, _, times in network.calls}) >= count


def test_a_midpoint_network_takes_the_nearest_eighth_elsewhere(film):
    out = list(render(film([i / 32 for i in range(24)]), Fake(step=HALF), Target(fps=60)))
    assert len(out) == 60
    nearest = [min(round(k * 2 / 5 * 8) / 8, 23) / 32 for k in range(60)]
    assert colours(iter(out)) == pytest.approx(nearest, abs=1e-6)
    assert [frame.time for frame in out] == [Fraction(k, 60) for k in range(60)]


def test_a_midpoint_network_is_applied_once_where_once_is_enough(film):
    network = Fake(step=HALF)
    list(render(film([0.5] * 10, rate=30), network, Target(fps=60)))
    assert len(network.calls) == 1


@pytest.mark.parametrize(("least", "most"), [(2, 2), (1, 4), (7, None), (3, 3)])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_networks_get_as_many_frames_as_they_take(film, least, most, count):
    network = Fake(min_frames=least, max_frames=most)
    out = list(render(film([i / 16 for i in range(count)]), network, Target(factor=2)))
    assert colours(iter(out)) == pytest.approx([min(i / 2, count - 1) / 16 for i in range(2 * count)], abs=1e-6)
    assert all(least <= frames <= (most or 99) for frames, _, _ in network.calls)


@pytest.mark.parametrize("count", [3, 20])
def test_frames_are_repeated_only_where_a_shot_has_no_more(film, count):
    seen = set()

    class Watchful(Fake):
        def render(self, clip: Tensor, times: Times) -> Tensor:
            seen.add(len(clip[0, :, 0, 0, 0].unique()))
            return super().render(clip, times)

    list(render(film([i / 32 for i in range(count)]), Watchful(min_frames=5, max_frames=5), Target(fps=8)))
    assert min(seen) == min(count, 5)


def test_a_network_of_single_frames_repeats_the_nearest(film):
    network = Fake(step=Fraction(1), max_frames=1, context=0)
    out = list(render(film([0.0, 0.5, 1.0]), network, Target(factor=2)))
    assert colours(iter(out)) == pytest.approx([0.0, 0.0, 0.5, 0.5, 1.0, 1.0])


def test_only_what_is_shown_is_computed(film):
    network = Fake()
    list(render(film([0.5] * 240, rate=240), network, Target(fps=10)))
    asked = [time for _, _, times in network.calls for time in times]
    assert len(asked) == 10
    assert max(frames for frames, _, _ in network.calls) <= 3


def test_frames_of_two_sizes_are_refused(film):
    source = film([torch.zeros(3, 4, 4), torch.zeros(3, 4, 6)])
    with pytest.raises(InputError, match="4x4 and 6x4"):
        list(render(source, Fake()))


@pytest.mark.parametrize("wrong", [{"tile": 4}, {"tile": 0}, {"window": 1}, {"window": -3}, {"passes": 3}], ids=str)
def test_absurd_settings_are_refused_with_a_cure(wrong):
    with pytest.raises(SettingsError, match="Try"):
        RenderSettings(**wrong)


def test_the_network_is_compiled_only_when_asked(film, monkeypatch):
    compiled: list[Network] = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    list(render(film([0.5]), Fake()))
    assert not compiled
    list(render(film([0.5]), Fake(), settings=RenderSettings(compile=True)))
    assert len(compiled) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="has the device")
def test_a_missing_device_is_told_before_anything_is_read(film):
    with pytest.raises(SettingsError, match="--device auto"):
        render(iter(film([0.5])), Fake(), settings=RenderSettings(device="cuda"))
