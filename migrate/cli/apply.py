"""`dra-migrate apply`: one phase of a plan, written to files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from migrate.errors import ApplyError

Folder = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan folder.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")]
Root = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the plan's paths begin, if the tree was moved."),
]


def apply(
    folder: Folder,
    *,
    phase: Annotated[
        str,
        typer.Option(
            metavar="PHASE", help="One of prepare, bridge, claim, retire.", show_default=False
        ),
    ],
    yes: Yes = False,
    root: Root = None,
) -> None:
    """Write the files of one phase: exactly the planned bytes, or none."""
    from migrate import apply as verb
    from migrate.emit.listing import printable
    from migrate.emit.report import plural

    steps = verb.preview(folder, phase, root=root)
    if not steps:
        typer.echo(f"{phase}: no file to write; read the phase's README.md in {folder}/.")
        return
    if all(step.state == "done" for step in steps):
        typer.echo(f"{phase}: already done, {plural(len(steps), 'file')} as planned.")
        return
    created = sum(step.creates for step in steps)
    typer.echo(
        f"{phase}: {plural(len(steps), 'file')}, {plural(sum(s.lines for s in steps), 'line')}, "
        f"{plural(created, 'new object')}"
    )
    width = max(len(printable(step.path)) for step in steps)
    for step in steps:
        for i, said in enumerate(step.says or ("",)):
            path = printable(step.path) if i == 0 else ""
            typer.echo(f"  {path.ljust(width)}  {printable(said)}".rstrip())
    if all(step.state in {"to-do", "done"} for step in steps) and not yes:
        _ask(f"Write these {plural(len(steps), 'file')}?")
    outcome = verb.phase(folder, phase, root=root)
    typer.echo(
        f"{plural(len(outcome.written), 'file')} written. Undo: 'dra-migrate rollback {folder}'."
    )


def _ask(question: str) -> None:
    """Go on only if a person says so."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ApplyError(
            "nobody to ask, so nothing was written",
            remedy="say --yes to write without being asked",
        )
    if not typer.confirm(question, default=False):
        typer.echo("nothing was written", err=True)
        raise typer.Exit(1)
