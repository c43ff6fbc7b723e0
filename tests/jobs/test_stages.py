"""Reading ahead and writing behind: same items, same order, bounded, and no error is lost."""

import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
import torch

from stvsr.jobs.stages import Waiting, read_ahead, write_behind


def test_items_come_out_in_order_and_all_of_them():
    written: list[int] = []
    waiting = Waiting()
    write_behind(read_ahead(iter(range(1, 100)), depth=3, waiting=waiting), written.append, depth=3, waiting=waiting)
    assert written == list(range(1, 100))


def test_every_item_goes_through_the_steps_in_order_each_in_a_thread_of_its_own():
    written: list[tuple[int, int, int]] = []

    def half(number: int) -> tuple[int, int]:
        time.sleep(0.001 * (number % 3))
        return number, threading.get_ident()

    def whole(done: tuple[int, int]) -> None:
        written.append((*done, threading.get_ident()))

    write_behind(iter(range(30)), half, whole, depth=3, waiting=Waiting())
    numbers, first, second = zip(*written, strict=True)
    assert numbers == tuple(range(30))
    assert len({threading.get_ident(), *first, *second}) == 3


@pytest.mark.parametrize("torn", [0, 1])
def test_an_error_in_any_step_comes_out(torn: int):
    def fails_at(step: int, number: int) -> int:
        if step == torn and number == 5:
            raise ValueError("torn tape")
        return number

    steps = [partial(fails_at, step) for step in range(2)]
    with pytest.raises(ValueError, match="torn tape"):
        write_behind(iter(range(1000)), *steps, depth=2, waiting=Waiting())


def test_reading_runs_at_most_its_depth_ahead():
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in range(1, 50):
            taken = number
            yield number

    for item in read_ahead(numbers(), depth=4, waiting=Waiting()):
        time.sleep(0.002)
        assert taken <= item + 4


def test_writing_stays_at_most_its_depth_behind():
    behind, most = 0, 0

    def made() -> Iterator[int]:
        nonlocal behind, most
        for number in range(1, 30):
            behind += 1
            most = max(most, behind)
            yield number

    def write(_: int) -> None:
        nonlocal behind
        time.sleep(0.002)
        behind -= 1

    write_behind(made(), write, depth=3, waiting=Waiting())
    assert most <= 5  # three waiting, one being written, one in the hand


def test_what_happens_beside_the_computing_takes_no_cores_from_it(on_cores):
    on_cores(2)
    seen: list[int] = []
    read = read_ahead((torch.get_num_threads() for _ in range(3)), depth=1, waiting=Waiting())
    write_behind(read, lambda got: seen.extend([got, torch.get_num_threads()]), depth=1, waiting=Waiting())
    assert seen == [1] * 6
    assert torch.get_num_threads() == 2
    later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert seen[-1] == 2


def test_an_error_while_reading_comes_out():
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("torn tape")

    with pytest.raises(ValueError, match="torn tape"):
        list(read_ahead(broken(), depth=2, waiting=Waiting()))


def test_an_error_while_writing_comes_out_and_stops_the_work():
    made = 0

    def endless() -> Iterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    def write(item: int) -> None:
        if item == 3:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_behind(endless(), write, depth=2, waiting=Waiting())
    assert made < 10


def test_leaving_early_ends_both_threads():
    def interrupted() -> Iterator[int]:
        yield from read_ahead(iter(range(1, 1000)), depth=2, waiting=Waiting())

    def numbers() -> Iterator[int]:
        for item in interrupted():
            if item == 5:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        write_behind(numbers(), lambda _: None, depth=2, waiting=Waiting())
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("reading", "writing"))] == []


def test_the_slow_neighbour_is_the_one_waited_for():
    waiting = Waiting()
    write_behind(iter(range(20)), lambda _: time.sleep(0.005), depth=2, waiting=waiting)
    assert waiting.for_writing > 0.05 > waiting.for_reading

    def slow() -> Iterator[int]:
        for number in range(1, 20):
            time.sleep(0.005)
            yield number

    waiting = Waiting()
    list(read_ahead(slow(), depth=2, waiting=waiting))
    assert waiting.for_reading > 0.05 > waiting.for_writing
