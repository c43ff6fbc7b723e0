"""For MkDocs: writes reference/cli.md out of the code, so that no option is ever missing or described twice."""

from typing import Literal, get_args, get_origin, get_type_hints

import typer

from stvsr.cli.main import app


def on_files(files, config):
    """Adds the page to those that MkDocs found."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "reference/cli.md", content=page()))
    return files


def page() -> str:
    """Every command with every argument and option."""
    lines = [
        "# Every command and option",
        "",
        "Written from the code when these pages are built. [The command line](../cli.md) explains.",
    ]
    for name, command in sorted(commands_of(typer.main.get_command(app))):
        lines += ["", f"## stvsr {name}", "", command.help or "", "", "| option | default | |", "| --- | --- | --- |"]
        hints = get_type_hints(command.callback)
        for parameter in command.params:
            words = ", ".join(f"`{word}`" for word in names(parameter))
            words += choices(hints[parameter.name])
            lines.append(f"| {words} | {default(parameter)} | {cell(getattr(parameter, 'help', None) or '')} |")
    return "\n".join(lines) + "\n"


def commands_of(group, before: str = ""):
    """Every command of a group and of the groups in it, by its whole name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{before}{name} ")
        else:
            yield before + name, command


def names(parameter) -> list[str]:
    if parameter.param_type_name == "argument":
        return [parameter.name.upper()]
    return [*parameter.opts, *parameter.secondary_opts]


def choices(hint) -> str:
    return ": " + ", ".join(f"`{choice}`" for choice in get_args(hint)) if get_origin(hint) is Literal else ""


def default(parameter) -> str:
    if parameter.required:
        return "needed"
    value = parameter.default
    return "" if value in (None, False, (), []) or callable(value) else f"`{value}`"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
