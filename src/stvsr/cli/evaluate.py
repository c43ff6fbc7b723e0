"""``stvsr evaluate``: how good a network is, in numbers."""

from pathlib import Path
from typing import Literal

import typer

from stvsr.cli import console
from stvsr.cli.options import Device, Passes, Precision
from stvsr.errors import SettingsError


def evaluate(
    suite: str = typer.Argument(help="vid4, vimeo-fast, ucf101, middlebury ...; folder for clips of your own."),
    data: Path = typer.Option(help="The folder that holds the suite's frames."),
    network: list[str] = typer.Option([], help="See `stvsr networks`; give it again to compare several."),
    two_stage: tuple[str, str] | None = typer.Option(
        None, help="Two networks, one for time and one for space, one after the other in both orders."
    ),
    frames: list[Path] = typer.Option([], help="Score a folder of rendered clips, named like the suite's."),
    inputs: Path | None = typer.Option(None, help="Only write the small key frames of every clip into this folder."),
    mode: Literal["space-time", "space", "time"] = typer.Option("space-time", help="What is to be rendered."),
    scale: int | None = typer.Option(None, help="How much smaller the given frames are: 4, or 1 in time mode."),
    times: int | None = typer.Option(None, help="How many times as many frames: 2 unless said otherwise."),
    weights: Path | None = typer.Option(None, help="A weight file of your own, for the one network given."),
    allow_untrained: bool = typer.Option(
        False, "--allow-untrained", help="Use random weights where there are no trained ones: only to see it run."
    ),
    without: str | None = typer.Option(None, help="Switch a part of the network off first, such as flow."),
    device: Device = typer.Option("auto", help="auto takes a GPU where there is one."),
    precision: Precision = typer.Option("fp32", help="fp32 gives the same numbers everywhere."),
    passes: Passes = 1,
    niqe: Path | None = typer.Option(None, help="Measure NIQE too, under this model of undamaged pictures."),
    fit_niqe: Path | None = typer.Option(None, help="Only fit such a model to this folder's pictures, into --niqe."),
    lpips: list[Path] = typer.Option([], help="Measure LPIPS too, with these weights: AlexNet's and the linear ones."),
    temporal: bool = typer.Option(False, "--temporal", help="Measure motion and flicker too: seconds per frame."),
    figures: Path | None = typer.Option(None, help="Draw crops, errors, profiles and curves into this folder."),
    speed: bool = typer.Option(False, "--speed", help="Time every network on this machine, too."),
    table: Literal["md", "csv", "json", "latex"] | None = typer.Option(
        None, help="A table beside the published numbers, on stdout."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Shrink known clips, drop every second frame, render them back, and compare with the originals.

    The field's protocol: MATLAB bicubic, windows of four key frames becoming seven, PSNR and SSIM on luma.
    """
    from stvsr.evaluation.comparison import FORMATS, compare
    from stvsr.evaluation.further import Further, fit_to_folder
    from stvsr.evaluation.gallery import Gallery
    from stvsr.evaluation.measure import evaluate_suite, load_networks, load_two_stage
    from stvsr.evaluation.naturalness import load_pristine
    from stvsr.evaluation.perceptual import load_lpips
    from stvsr.evaluation.protocol import make_task
    from stvsr.evaluation.renderings import write_inputs
    from stvsr.evaluation.speed import bench
    from stvsr.evaluation.suites import suite_called
    from stvsr.evaluation.tables import as_json as as_object
    from stvsr.evaluation.tables import as_rows
    from stvsr.inference import RenderSettings
    from stvsr.weights.catalog import UNTRAINED, ready_scales

    task = make_task(mode, scale=scale, times=times)
    if inputs is not None:
        written = write_inputs(suite_called(suite), data, task, inputs)
        console.say(f"{written} small key frames are in {inputs}.")
        return
    if fit_niqe is not None:
        if niqe is None:
            raise SettingsError("--fit-niqe needs a place for the model: add --niqe model.safetensors.")
        console.say(f"{niqe}: {fit_to_folder(fit_niqe, niqe)}")
        return
    further = Further(
        niqe=load_pristine(niqe) if niqe else None, lpips=load_lpips(*lpips) if lpips else None, temporal=temporal
    )
    settings = RenderSettings(device=device, precision=precision, passes=passes)
    names = network or ([] if frames or two_stage else ["bicubic"])
    networks = load_networks(names, task, weights=weights, allow_untrained=allow_untrained)
    used = [(name, task.enlargement) for name in names if weights is None]
    if two_stage is not None:
        time, space = two_stage
        for time_first in (True, False):
            networks.append(load_two_stage(time, space, task, time_first=time_first, allow_untrained=allow_untrained))
        used += [(time, 1), (space, task.scale)]
    for name, at in used:
        if at not in ready_scales(name):
            console.say(f"WARNING: {UNTRAINED.format(name=name)}")
    gallery = Gallery(figures) if figures else None
    with console.Share() as share:
        result = evaluate_suite(
            suite,
            data,
            networks,
            task=task,
            frames=frames,
            further=further,
            watch=gallery.show if gallery else None,
            without=without,
            settings=settings,
            progress=share.show,
        )
    seconds = (
        {name: bench(name, scale=task.enlargement, settings=settings).seconds_per_output_frame for name in names}
        if speed
        else {}
    )
    if gallery:
        gallery.close(compare(result, seconds))
    if as_json:
        console.emit(as_object(result, seconds))
    elif table is not None:
        print(FORMATS[table](compare(result, seconds)))
    else:
        headings, *rows = as_rows(result)
        console.table(headings, rows)
