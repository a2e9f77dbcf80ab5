"""`dra-migrate scan`: every place where a workload depends on a device plugin."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.cli import reading

if TYPE_CHECKING:
    from migrate.model import Finding
    from migrate.read.files import Reading


class Format(Enum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"


def scan(
    paths: reading.Paths,
    *,
    format_: Annotated[
        Format, typer.Option("--format", "-f", help="How to write it.")
    ] = Format.TEXT,
    rules: reading.RuleDirectories = None,
    no_ignore: reading.NoIgnore = False,
    quiet: reading.Quiet = False,
    verbose: reading.Verbose = False,
    check: reading.Check = False,
) -> None:
    """List every place where a workload depends on a device plugin, one line a place."""
    from migrate import detect
    from migrate.emit import listing

    known = reading.rules(rules)
    read = reading.reading(paths, known, no_ignore=no_ignore, quiet=quiet)
    findings = detect.findings(read.files, known)
    asides = detect.asides(read.files, read.unreadable, known)
    if format_ is Format.JSON:
        typer.echo(_json(findings, asides, read), nl=False)
    else:
        for line in listing.lines([*findings, *asides] if verbose else findings):
            typer.echo(line)
    if not quiet:
        reading.told(read, verbose=verbose)
        _summary(findings, asides)
    if check and (findings or not read.is_whole):
        raise typer.Exit(1)


def _json(findings: tuple[Finding, ...], asides: tuple[Finding, ...], read: Reading) -> str:
    from migrate.emit import listing

    broken = [(u.path, u.line, u.column, u.reason) for u in read.unreadable]
    return listing.document(findings, asides, broken, files=read.read, skipped=dict(read.skipped))


def _summary(findings: tuple[Finding, ...], asides: tuple[Finding, ...]) -> None:
    """What was found in all, on stderr."""
    from migrate.emit.listing import printable
    from migrate.emit.report import plural

    if not findings and not asides:
        return
    files = len({f.manifest.origin.path for f in findings})
    workloads = len(
        {
            (f.manifest.origin.path, f.manifest.label)
            for f in findings
            if f.shape == "pod" and f.usage == "container" and f.manifest.kind
        }
    )
    said = (
        f"{plural(len(findings), 'place')} in {plural(files, 'file')}, "
        f"{plural(workloads, 'workload')}."
    )
    asked = {f.resource for f in findings if f.usage == "container" and not f.rule}
    # What a template fills in is no name that a rule could know.
    unknown = sorted(name for name in asked if "{{" not in name)
    if unknown:
        shown = ", ".join(unknown[:5]) + (
            f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        )
        said += f" No rule knows {shown}."
    unread = sum(a.shape == "unread" for a in asides)
    for count, where in (
        (unread, "files that could not be read"),
        (len(asides) - unread, "comments and texts"),
    ):
        if count:
            said += f" {plural(count, 'request')} in {where} ('--verbose' lists them)."
    typer.echo(f"\n{printable(said)}", err=True)
