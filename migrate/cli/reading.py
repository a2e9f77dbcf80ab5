"""What scan and plan share: the flags that choose inputs and rules, and reading with progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from migrate.model import Rule
    from migrate.read import files

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH…",
        help="Files, directories, globs, or '-' for a rendered stream on standard input.",
        show_default=False,
    ),
]
RuleDirectories = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules",
        metavar="DIR",
        help="Add rules, or replace them by name, from a directory; may be given again.",
        show_default=False,
    ),
]
NoIgnore = Annotated[bool, typer.Option("--no-ignore", help="Read what .gitignore leaves out too.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No summary and no progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more: texts, skipped files.")]
Check = Annotated[
    bool,
    typer.Option(
        "--check", help="Leave with 1 when something is found, left to a person, or not read."
    ),
]

_FROM_FILES = 300
_MOST = 10


def rules(directories: list[Path] | None) -> tuple[Rule, ...]:
    """The rules that travel with the program and those of the user."""
    from migrate.read import ruleset

    return ruleset.rules(tuple(directories or ()))


def reading(
    paths: list[str], known: tuple[Rule, ...], *, no_ignore: bool, quiet: bool
) -> files.Reading:
    """What these paths hold, with a progress bar on a terminal when it takes a while."""
    from migrate.read import files

    with _progress(quiet=quiet) as tick:
        return files.reading(
            paths, known, ignore=not no_ignore, stdin=sys.stdin.buffer, progress=tick
        )


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    bar = _Bar()
    try:
        yield bar.tick
    finally:
        bar.end()


class _Bar:
    """A count of files on stderr that appears when a reading is not done at once."""

    def __init__(self) -> None:
        self._progress: object | None = None

    def tick(self, read: int) -> None:
        if read < _FROM_FILES or read % 50:
            return
        from rich.progress import Progress, SpinnerColumn, TextColumn

        if self._progress is None:
            from rich.console import Console

            columns = (SpinnerColumn("line"), TextColumn("{task.description}"))
            progress = Progress(*columns, console=Console(stderr=True), transient=True)
            progress.add_task("reading", total=None)
            progress.start()
            self._progress = progress
        if isinstance(self._progress, Progress):
            self._progress.update(self._progress.task_ids[0], description=f"{read} files read")

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()  # type: ignore[attr-defined]


def told(read: files.Reading, *, verbose: bool) -> None:
    """Say on stderr what was not read, and why."""
    unread(read.unreadable, verbose=verbose)
    for reason, count in read.skipped.items() if verbose else ():
        typer.echo(f"passed over: {count} × {reason}", err=True)


def unread(unreadable: tuple[files.Unreadable, ...], *, verbose: bool) -> None:
    """Say on stderr which files could not be read, and why."""
    from migrate.emit.listing import printable

    loud = unreadable if verbose else tuple(u for u in unreadable if not u.quiet)
    shown = loud if verbose else loud[:_MOST]
    for broken in shown:
        numbers = "".join(f":{n}" for n in (broken.line, broken.column) if n)
        typer.echo(printable(f"not read: {broken.path}{numbers}: {broken.reason}"), err=True)
    if len(loud) > len(shown):
        typer.echo(
            f"not read: {len(loud) - len(shown)} more files ('--verbose' names them)", err=True
        )
