"""argv → one verb → exit code.

0 done · 1 something is left to a person, and `--check` asked · 2 the input is wrong · 3 a bug.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
import typer.core

from migrate import __version__
from migrate.cli import apply, plan, report, rollback, rules, scan, upgrade
from migrate.errors import MigrateError


class _ReaderGoneError(Exception):
    """Nobody reads our output any more."""


class _Verbs(typer.core.TyperGroup):
    """The verbs; the library would call a reader who has gone (`| head`) a failure."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error


app = typer.Typer(
    cls=_Verbs,
    name="dra-migrate",
    help="Move a Kubernetes estate from device plugins to Dynamic Resource Allocation.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(scan.scan)
app.command()(plan.plan)
app.command()(upgrade.upgrade)
app.command()(report.report)
app.command()(apply.apply)
app.command()(rollback.rollback)
app.add_typer(rules.app, name="rules")


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"dra-migrate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Move a Kubernetes estate from device plugins to Dynamic Resource Allocation.

    Read it with scan, see what would change with plan, write it with apply, undo it with rollback.
    """


def main() -> None:
    """Run one verb and leave with its exit code."""
    try:
        app(standalone_mode=True)
    except MigrateError as error:
        typer.echo(_plain(f"error: {error}"), err=True)
        raise SystemExit(2) from None
    except _ReaderGoneError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except OSError as error:
        typer.echo(_plain(f"error: {error}"), err=True)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001 - the last place where a bug can be told of
        _told(error)
        raise SystemExit(3) from None


def _told(error: Exception) -> None:
    """A bug, with what a report of it needs."""
    import traceback

    typer.echo(_plain(f"bug: {type(error).__name__}: {error}"), err=True)
    typer.echo("  please report it with the lines below; nothing was half-written", err=True)
    typer.echo(_plain("".join(traceback.format_exception(error))), err=True)


def _plain(text: str) -> str:
    """The text, its lines free of characters that could move a cursor."""
    from migrate.emit.listing import printable

    return "\n".join(map(printable, text.split("\n")))
