"""`dra-migrate report`: a plan folder, shown again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate.cli import reading, screen
from migrate.cli.planned import Format
from migrate.errors import PlanError


def report(
    folder: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan folder.")],
    *,
    format_: Annotated[
        Format, typer.Option("--format", "-f", help="How to write the report.")
    ] = Format.TEXT,
    verbose: reading.Verbose = False,
) -> None:
    """Show a plan again, for the terminal or as Markdown."""
    from migrate.emit import listing
    from migrate.emit import report as text
    from migrate.read import planfolder

    body = planfolder.body(folder)
    try:
        if format_ is Format.JSON:
            typer.echo(listing.as_json(body), nl=False)
        elif format_ is Format.MARKDOWN:
            typer.echo(text.markdown(body), nl=False)
        else:
            screen.show(body, verbose=verbose)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PlanError(
            f"is not a whole plan: {error}", path=str(folder), remedy=planfolder.AGAIN
        ) from error
