"""One film on several machines, which here are nodes of one machine."""

import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from made_clips import make_film, with_cuts
from stvsr.cluster import Cluster
from stvsr.errors import SettingsError
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.run import enhance, job_folder

pytest.importorskip("ray", reason="Ray is not installed")

SETTINGS = EnhanceSettings(scale=2, network="bicubic", segment=5)


@pytest.fixture(scope="module")
def nodes() -> Iterator:
    """A head that renders nothing, and two machines with one processor each."""
    from ray.cluster_utils import Cluster as Nodes

    found = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    found.workers = [found.add_node(num_cpus=1) for _ in range(2)]
    yield found
    found.shutdown()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve shots, each a segment."""
    pictures = with_cuts(60, 5, 96, 64)
    return make_film(tmp_path_factory.mktemp("source") / "source.mkv", count=60, size=(96, 64), pictures=pictures)


def content(film: Path) -> list[object]:
    with av.open(str(film)) as container:
        packets = [(packet.pts, packet.dts, packet.duration, bytes(packet)) for packet in container.demux()]
    with av.open(str(film)) as container:
        return [*packets, *((frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(video=0))]


def test_a_film_survives_the_loss_of_a_machine_and_is_the_one_that_one_machine_makes(
    nodes, source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    said: list[str] = []
    lost = threading.Event()

    def report(sentence: str) -> None:
        said.append(sentence)
        if not lost.is_set():  # the first segment is there: one of the two machines dies while the others are rendered
            lost.set()
            nodes.remove_node(nodes.workers.pop(), allow_graceful=False)
            nodes.workers.append(nodes.add_node(num_cpus=1))

    crew = Cluster(address=nodes.address, processors=1, report=report)
    shared = enhance(source, tmp_path / "shared.mkv", SETTINGS, crew=crew)
    alone = enhance(source, tmp_path / "alone.mkv", SETTINGS)
    assert shared.verify.ok
    assert content(shared.output) == content(alone.output)
    assert len(said) == 12
    assert not capfd.readouterr().out  # where --json speaks
    assert not job_folder(shared.output).exists()


def test_what_a_machine_cannot_do_is_told_as_on_one_machine(nodes, source: Path, tmp_path: Path):
    target = tmp_path / "out.mkv"
    with pytest.raises(SettingsError, match="Ask for fewer"):
        enhance(source, target, SETTINGS, crew=Cluster(address=nodes.address, processors=64))
    with pytest.raises(SettingsError, match="through a pipe"):
        enhance(source, "-", SETTINGS, crew=Cluster())
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_does_not_answer_is_named(source: Path, tmp_path: Path):
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1:1"):
        enhance(source, tmp_path / "out.mkv", SETTINGS, crew=Cluster(address="127.0.0.1:1"))
