"""A plan's document on a terminal: a table that folds when narrow, one record a line in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any, Final

import typer

from migrate.emit import report
from migrate.emit.listing import printable

_COLOURS: Final = {"safe": "green", "review": "yellow", "manual": "red"}
_MOST: Final = 60
_SHORT: Final = 44


def show(plan: Mapping[str, Any], *, verbose: bool) -> None:
    """Print the report of a plan on stdout."""
    counts = plan["counts"]
    typer.echo(
        f"{report.plural(counts['files'], 'file')} read, {counts['with_findings']} ask for devices"
        f" · planned for Kubernetes {plan['kubernetes']} ({plan['asked']})\n"
    )
    changes = report.changes(plan)
    if changes:
        if sys.stdout.isatty():
            _table(changes, verbose=verbose)
        else:
            _records(changes)
        typer.echo()
    _phases(plan)


def _records(changes: list[Mapping[str, Any]]) -> None:
    """One change a line, for grep and awk: tab-separated."""
    for change in changes:
        typer.echo(
            "\t".join(
                printable(part)
                for part in (
                    report.place(change),
                    change["object"],
                    "; ".join(change["before"]),
                    "; ".join(change["after"]) or "-",
                    change["strategy"] or "-",
                    change["safety"],
                    "; ".join(change["notes"]) or change["why"],
                )
            )
        )


def _table(changes: list[Mapping[str, Any]], *, verbose: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(
        no_color="NO_COLOR" in os.environ, width=shutil.get_terminal_size((100, 24)).columns
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    for title, width in (("Workload", 16), ("Today", 20), ("After", 20), ("How", 4), ("Safety", 6)):
        table.add_column(
            title, overflow="fold", min_width=width if title in {"How", "Safety"} else 8
        )
    shown = changes if verbose else changes[:_MOST]
    for change in shown:
        table.add_row(
            Text(printable(change["object"])),
            Text("\n".join(_shortened(b) for b in change["before"])),
            Text("\n".join(_shortened(a) for a in change["after"]) or "–"),
            Text(change["strategy"] or ("edit" if change["edits"] else "–")),
            Text(change["safety"], style=_COLOURS[change["safety"]]),
        )
    console.print(table)
    for change in shown:
        said = change["notes"] or ([change["why"]] if change["safety"] == "manual" else [])
        if said:
            console.print(Text(f"{printable(change['object'])} ({report.place(change)})"))
            for note in said:
                console.print(Text(f"  └─ {printable(note)}", style="dim"))
    if len(changes) > len(shown):
        console.print(f"{len(changes) - len(shown)} more ('--verbose' shows them)")


def _shortened(text: str) -> str:
    """A text short enough for a column: the middle of a long one is left out."""
    said = printable(text)
    if len(said) <= _SHORT * 2:
        return said
    return f"{said[:_SHORT]}…{said[-_SHORT:]}"


def _phases(plan: Mapping[str, Any]) -> None:
    rows = [
        (f"{i} {p['name']}", p["who"], report.what(p))
        for i, p in enumerate(plan["phases"], start=1)
    ]
    widths = [max(len(row[i]) for row in (*rows, ("Phase", "Who", "What"))) for i in range(2)]
    for row in (("Phase", "Who", "What"), *rows):
        typer.echo(f"  {row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  {row[2]}")
    typer.echo(f"\n{report.summary(plan)}")
    counts = plan["counts"]
    if counts["pods"]:
        typer.echo(
            f"{counts['bridge_would_do']} of {report.plural(counts['pods'], 'workload')} would run "
            "unchanged behind the bridge alone ('--strategy least')."
        )
