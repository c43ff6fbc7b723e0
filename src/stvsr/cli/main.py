"""The command ``stvsr``: one sub-command per file. PyTorch is imported only once a command runs."""

import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from stvsr import __version__
from stvsr.cli import (
    batch,
    bench,
    console,
    doctor,
    enhance,
    evaluate,
    export,
    inspect,
    networks,
    pack,
    plan,
    preview,
    redo,
    serve,
    service,
    train,
    verify,
    weights,
)
from stvsr.errors import STVSRError

OK, MENDABLE, INTERNAL, INTERRUPTED = 0, 1, 70, 130

GARBAGE = 10_000
"""So many new objects before Python looks for cycles among them, 700 otherwise: nearly all that a start makes stays,
and looking through it again and again took a tenth of every start."""

app = typer.Typer(
    name="stvsr",
    help="Make a small, choppy video large and smooth.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("enhance")(enhance.enhance)
app.command("plan")(plan.plan)
app.command("redo")(redo.redo)
app.command("batch")(batch.batch)
app.command("preview")(preview.preview)
app.command("inspect")(inspect.inspect)
app.command("verify")(verify.verify)
app.command("networks")(networks.networks)
app.command("evaluate")(evaluate.evaluate)
app.command("bench")(bench.bench)
app.command("train")(train.train)
app.command("export")(export.export)
app.command("pack")(pack.pack)
app.command("serve")(serve.serve)
app.command("service")(service.service)
app.add_typer(weights.app, name="weights")
app.command("doctor")(doctor.doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    0: done, and proven. 1: something that the user can mend. 2: a wrong option. 70: a mistake of ours. 130: stopped.
    """
    if arguments is None:
        arguments = sys.argv[1:]
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it politely gets a clean end
        gc.set_threshold(GARBAGE)
    as_json = "--json" in arguments
    try:
        code = app(args=list(arguments), prog_name="stvsr", standalone_mode=False)
    except STVSRError as error:
        return console.fail(type(error).__name__, str(error), code=MENDABLE, as_json=as_json)
    except TyperException as error:
        what = error.format_message().rstrip(".")
        hint = f"{what}. `stvsr --help` lists the commands, `stvsr COMMAND --help` the options."
        return console.fail("UsageError", hint, code=error.exit_code, as_json=as_json)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        if os.environ.get("STVSR_DEBUG"):
            traceback.print_exc()
        hint = (
            f"{type(error).__name__}: {error}. This is a mistake in stvsr, not yours. "
            f"Run again with STVSR_DEBUG=1 for the details, and report them."
        )
        return console.fail("InternalError", hint, code=INTERNAL, as_json=as_json)
    if code == INTERRUPTED:
        return console.fail("Interrupted", "Stopped. No half-written film is left.", code=INTERRUPTED, as_json=as_json)
    return code or OK


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if show:
        print(__version__)
        raise typer.Exit
