"""`dra-migrate rollback`: every byte that apply wrote, given back."""

from __future__ import annotations

import typer

from migrate.cli.apply import Folder, Root


def rollback(
    folder: Folder,
    *,
    phase: str = typer.Option("", metavar="PHASE", help="Only this phase; all, if not given."),
    root: Root = None,
) -> None:
    """Undo what was applied from a plan, to the last byte, or refuse."""
    from migrate import apply as verb
    from migrate.emit.report import plural

    outcome = verb.rollback(folder, root=root, phase=phase or None)
    if not outcome.phases:
        typer.echo("Nothing to undo.")
        return
    removed = f", {len(outcome.removed)} removed" if outcome.removed else ""
    typer.echo(
        f"{', '.join(outcome.phases)}: {plural(len(outcome.written), 'file')} restored{removed}."
    )
