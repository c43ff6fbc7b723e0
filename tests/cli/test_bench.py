"""``stvsr bench``: what it prints; how it measures is tested where it measures."""

import json

from stvsr.cli.main import main


def test_bench_prints_the_promised_names(capsys):
    assert main(["bench", "bicubic", "--size", "32x16", "--json"]) == 0
    promised = {
        "network",
        "size",
        "device",
        "precision",
        "seconds_per_output_frame",
        "fraction_of_ceiling",
        "macs",
        "peak_memory_bytes",
    }
    told = json.loads(capsys.readouterr().out)
    assert promised <= told.keys()
    assert told["size"] == "32x16"


def test_a_size_that_is_none_is_answered_with_an_example(capsys):
    assert main(["bench", "bicubic", "--size", "180"]) == 1
    assert "such as 180x144" in capsys.readouterr().err


def test_bench_ops_tells_each_operation_as_a_multiple_of_the_plain_convolution(capsys):
    assert main(["bench", "ops", "--size", "32x16", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"size", "device", "threads", "ops", "versions"}
    assert {"deformable convolution", "Farneback flow", "guided up-sampling", "resize x4"} <= told["ops"].keys()
    for speed in told["ops"].values():
        assert speed["seconds"] > 0
        assert speed["times_plain_convolution"] > 0


def test_bench_ops_prints_a_row_for_each(capsys):
    assert main(["bench", "ops", "--size", "16x16", "--device", "cpu"]) == 0
    assert "deformable convolution" in capsys.readouterr().out


def test_a_map_too_small_to_time_is_refused(capsys):
    assert main(["bench", "ops", "--size", "8x16"]) == 1
    assert "at least 16x16" in capsys.readouterr().err
