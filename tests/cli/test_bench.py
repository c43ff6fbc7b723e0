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
