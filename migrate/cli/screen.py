"""A plan's document on a terminal: a table that folds when narrow, one record a line in a pipe."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_COLOURS: Final = {"safe": "green", "review": "yellow", "manual": "red"}
_MOST: Final = 60
_SHORT: Final = 44
_AGAIN: Final = 72
_GAP: Final = 2
_LEAST: Final = 8
_NARROW: Final = 45
"""Three columns in less room than this are hard to read."""
_TITLES: Final = ("Workload", "Today", "After", "How", "Safety")

Row = tuple[str, ...]


def show(plan: Mapping[str, Any], *, verbose: bool) -> None:
    """Print the report of a plan on stdout."""
    from migrate.emit import report

    changes = report.changes(plan)
    if sys.stdout.isatty():
        _screen(plan, changes if verbose else changes[:_MOST], verbose=verbose)
        return
    typer.echo(f"{_head(plan)}\n")
    for change in changes:
        typer.echo(_record(change))
    if changes:
        typer.echo()
    for row in _aligned([("Phase", "Who", "What"), *_phases(plan)]):
        typer.echo(f"  {row}")
    typer.echo(f"\n{report.summary(plan)}")
    for line in _told(plan, verbose=verbose):
        typer.echo(line)


def _head(plan: Mapping[str, Any]) -> str:
    from migrate.emit import report
    from migrate.emit.listing import printable

    counts = plan["counts"]
    return printable(
        f"{report.plural(counts['files'], 'file')} read, {counts['with_findings']} ask for devices"
        f" · planned for Kubernetes {plan['kubernetes']} ({plan['asked']})"
    )


def _record(change: Mapping[str, Any]) -> str:
    """One change on one line, for grep and awk: tab-separated."""
    from migrate.emit import report
    from migrate.emit.listing import printable

    said = (
        report.place(change),
        change["object"],
        "; ".join(change["before"]),
        "; ".join(change["after"]) or "-",
        change["strategy"] or "-",
        change["safety"],
        "; ".join(said.rstrip(".") for said in _said(change)) or change["why"],
    )
    return "\t".join(map(printable, said))


def _phases(plan: Mapping[str, Any]) -> list[Row]:
    from migrate.emit import report
    from migrate.emit.listing import printable

    return [
        (printable(f"{i} {phase['name']}"), printable(phase["who"]), printable(report.what(phase)))
        for i, phase in enumerate(plan["phases"], start=1)
    ]


def _aligned(rows: Sequence[Row]) -> list[str]:
    widths = _natural(rows)
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


_BRIDGE: Final = "extendedResourceName"


def _bridged(plan: Mapping[str, Any]) -> str:
    """For how many workloads the lightest strategy would do, "" where there are none."""
    from migrate.emit import report

    counts = plan["counts"]
    if not counts["pods"]:
        return ""
    # What only a newer Kubernetes has, this one cannot be asked for.
    is_later = any(_BRIDGE in each for each in plan["newer"])
    how = "which a newer Kubernetes has" if is_later else "('--strategy least')"
    return (
        f"{counts['bridge_would_do']} of {report.plural(counts['pods'], 'workload')} would run "
        f"unchanged behind the bridge alone{',' * is_later} {how}."
    )


def _told(plan: Mapping[str, Any], *, verbose: bool) -> list[str]:
    """What else is to be known, a line each: the bridge, and four lists or their lengths."""
    from migrate.emit import report
    from migrate.emit.listing import printable

    told = [line for line in [_bridged(plan)] if line]
    texts, unread = report.asides(plan)
    for entries, noun, rest in (
        (unread, "request", "in files that could not be read, none of them planned"),
        (texts, "request", "in comments and texts, left as they are"),
        (plan["assumptions"], "assumption", "made because no cluster was asked"),
        (plan["newer"], "thing", "that a newer Kubernetes would add"),
    ):
        if entries and verbose:
            told += [f"{report.plural(len(entries), noun)} {rest}:"]
            told += [f"  {printable(entry)}" for entry in entries]
        elif entries:
            told.append(f"{report.plural(len(entries), noun)} {rest} ('--verbose' lists them).")
    return told


def _screen(plan: Mapping[str, Any], shown: Sequence[Mapping[str, Any]], *, verbose: bool) -> None:
    """The report for a terminal of whatever width."""
    from rich.console import Console
    from rich.text import Text

    from migrate.emit import report

    width = shutil.get_terminal_size((100, 24)).columns
    colours: Any = None if os.environ.get("NO_COLOR") else "auto"
    console = Console(width=width, color_system=colours, highlight=False, soft_wrap=False)
    console.print(Text(f"{_head(plan)}\n"))
    if shown:
        _table(console, shown)
        if left := len(report.changes(plan)) - len(shown):
            console.print(Text(f"{left} more ('--verbose' shows them)"))
        console.print()
    rows = [("Phase", "Who", "What"), *_phases(plan)]
    widths = _fitted(_natural(rows), width - _GAP * len(rows[0]), fixed=1)
    for row in rows:
        _line(console, ("", *map(Text, row)), (0, *widths))
    console.print(Text(f"\n{report.summary(plan)}"))
    for line in _told(plan, verbose=verbose):
        console.print(Text(line))


def _table(console: Console, changes: Sequence[Mapping[str, Any]]) -> None:
    """A row for each change, and under it what is to be known."""
    from rich.text import Text

    from migrate.emit import report
    from migrate.emit.listing import printable

    rows = [_row(change) for change in changes]
    natural = _natural([_TITLES, *rows])
    room = console.width - _GAP * len(_TITLES)
    widths = (*_fitted(natural[:3], room - sum(natural[3:])), *natural[3:])
    is_narrow = widths[:3] != natural[:3] and sum(widths[:3]) < _NARROW
    if not is_narrow:
        _line(console, ("", *_TITLES), (0, *widths))
        console.print(Text(f"  {'─' * (sum(widths) + _GAP * (len(widths) - 1))}", style="dim"))
    told: set[str] = set()
    for change, row in zip(changes, rows, strict=True):
        safety = Text(row[4], style=_COLOURS.get(row[4], ""))
        if is_narrow:
            console.print(Text.assemble(f"  {row[0]} · {row[3]} · ", safety))
            for title, cell in zip(_TITLES[1:3], row[1:3], strict=True):
                _line(console, ("", title, Text(cell)), (2, 5, console.width - 13))
        else:
            _line(console, ("", *map(Text, row[:4]), safety), (0, *widths))
        notes = [_once(said, told) for said in _said(change)]
        place = report.place(change)
        for said in [place, *notes] if place else notes:
            cells = ("", Text("└─", style="dim"), Text(printable(said), style="dim"))
            _line(console, cells, (2, 2, console.width - 8), gap=1)


def _row(change: Mapping[str, Any]) -> Row:
    """The cells of a change; several things in one cell stand below one another."""
    from migrate.emit.listing import printable

    return (
        printable(change["object"]),
        "\n".join(map(_shortened, change["before"])),
        "\n".join(map(_shortened, change["after"])) or "–",
        printable(change["strategy"]) or ("edit" if change["edits"] else "–"),
        printable(change["safety"]),
    )


def _said(change: Mapping[str, Any]) -> list[str]:
    """What is to be known of a change; of one that is left to a person, the reason first."""
    why = [change["why"]] if change["safety"] == "manual" else []
    return [*why, *change["notes"]]


def _once(said: str, told: set[str]) -> str:
    """A sentence as it is the first time, and its beginning from then on."""
    if said not in told:
        told.add(said)
        return said
    # Not inside brackets, where a place stands.
    clauses = re.split(r"(?<=[\w)])[.,:;] (?![^(]*\))", said)
    head = clauses[0] if len(clauses[0]) <= _AGAIN else f"{said[:_AGAIN].rpartition(' ')[0]} …"
    return f"{head} (as above)" if len(head) < len(said) else said


def _shortened(text: str) -> str:
    """A text short enough for a column: the middle of a long one is left out."""
    from migrate.emit.listing import printable

    said = printable(text)
    if len(said) <= _SHORT * 2:
        return said
    return f"{said[:_SHORT]}…{said[-_SHORT:]}"


def _natural(rows: Iterable[Row]) -> tuple[int, ...]:
    """How wide each column would like to be."""
    from rich.cells import cell_len

    columns = zip(*rows, strict=True)
    return tuple(
        max(cell_len(line) for cell in column for line in (cell.split("\n") or [""]))
        for column in columns
    )


def _fitted(widths: Sequence[int], room: int, *, fixed: int = 0) -> tuple[int, ...]:
    """The widths, the widest made narrower until all have room; the first `fixed` stay."""
    made = list(widths)
    while sum(made) > room:
        widest = max(range(fixed, len(made)), key=lambda i: made[i])
        if made[widest] <= _LEAST:
            break
        made[widest] -= 1
    return tuple(made)


def _line(
    console: Console,
    cells: Sequence[RenderableType],
    widths: Sequence[int],
    gap: int = _GAP,
) -> None:
    """One row of cells, each folded to its width."""
    from rich.table import Table

    grid = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    for width in widths[:-1]:
        grid.add_column(width=width, overflow="fold")
    grid.add_column(max_width=widths[-1], overflow="fold")
    grid.add_row(*cells)
    console.print(grid)
