"""From paths to a plan that is shown and written: what plan and upgrade have in common."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from migrate.cli import reading, screen
from migrate.errors import InputError, PlanError

if TYPE_CHECKING:
    from migrate.emit.rewrite import Rewrite
    from migrate.model import Finding, Usage
    from migrate.read.files import Reading
    from migrate.translate import Options


_PARTS: Final = frozenset(
    (
        "plan.json",
        "record.json",
        "README.md",
        "1-prepare",
        "2-bridge",
        "3-claim",
        "4-retire",
    )
)
"""What stands at the top of a plan folder."""


class Format(Enum):
    """How the report is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Write the plan folder here."),
]
Kubernetes = Annotated[
    str, typer.Option(metavar="VERSION", help="The version to plan for, 1.32 to 1.37.")
]
Gates = Annotated[
    list[str] | None,
    typer.Option(
        "--feature-gate",
        metavar="NAME=BOOL",
        help="A feature gate that the cluster sets itself; may be given again.",
        show_default=False,
    ),
]
Shown = Annotated[Format, typer.Option("--format", "-f", help="How to write the report.")]
NEWEST: Final = "1.34"
"""What is planned for where nobody says another version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked for, whatever the verb.

    Shape: `usages` are those that are planned, all if there are none; `chosen` are the options by
    name, as the plan keeps them.
    """

    paths: list[str]
    kubernetes: str
    gates: list[str] | None = None
    output: Path | None = None
    options: Options
    chosen: dict[str, str] = field(default_factory=dict)
    usages: tuple[Usage, ...] = ()
    cluster_objects: str = ""
    rules: list[Path] | None = None
    no_ignore: bool = False
    format_: Format = Format.TEXT
    quiet: bool = False
    verbose: bool = False
    check: bool = False


def plan(asked: Asked) -> None:
    """Read, plan, show, and write the plan folder if one was named."""
    from migrate import detect, kube, planning, translate
    from migrate.emit import folder, report, rewrite, tree
    from migrate.model import USAGES

    output = asked.output
    target = kube.target(asked.kubernetes, _gates(asked.gates or []))
    known = reading.rules(asked.rules)
    if output is not None:
        _refuse_foreign(output)
    read = reading.reading(asked.paths, known, no_ignore=asked.no_ignore, quiet=asked.quiet)
    usages = asked.usages or USAGES
    objects = tuple(manifest for file in read.files for manifest in file.manifests)
    found = (*detect.findings(read.files, known), *detect.unserved(objects, target))
    findings = tuple(f for f in found if f.usage in usages)
    asides = detect.asides(read.files, read.unreadable, known)
    texts = [a for a in asides if a.shape != "comment"]
    translated = translate.changes(findings, known, target, asked.options, objects, texts)
    made = planning.plan(translated.changes, target, known, findings)
    files = tree.tree(read.files, read.kustomizations)
    made, rewrites = rewrite.rewritten(made, files, asked.cluster_objects)
    root, rewrites = _rooted(rewrites)
    facts = folder.Facts(
        root=os.path.relpath(root, output) if output else "",
        options=asked.chosen,
        counts=_counts(read, findings),
        unreadable=tuple((u.path, u.line, u.column, u.reason) for u in read.unreadable),
        asides=tuple(
            f"{a.manifest.origin.path}:{a.line} ({a.shape}) {a.resource}={a.quantity}"
            for a in asides
            if a.usage in usages
        ),
        newer=kube.newer(target),
        pods=translated.pods,
        countable=translated.countable,
    )
    body = folder.document(made, rewrites, facts)
    if output is not None:
        _write(output, folder.files(made, rewrites, facts, known))
    _show(body, asked.format_, verbose=asked.verbose)
    if not asked.quiet:
        reading.told(read, verbose=asked.verbose)
        _next(body, output)
    is_left = any(c["safety"] == "manual" for c in report.changes(body))
    if asked.check and (is_left or not read.is_whole):
        raise typer.Exit(1)


def _rooted(rewrites: tuple[Rewrite, ...]) -> tuple[Path, tuple[Rewrite, ...]]:
    """Where the plan's paths begin, and the rewrites with paths from there.

    The current directory, unless something lies outside it: then what all of it has in common.
    """
    here = Path.cwd()
    files = {r.path: Path(os.path.normpath(here / r.path)) for r in rewrites if r.is_written}
    if all(path.is_relative_to(here) for path in files.values()):
        return here, rewrites
    root = Path(os.path.commonpath([path.parent for path in files.values()]))
    return root, tuple(
        replace(r, path=files[r.path].relative_to(root).as_posix()) if r.path in files else r
        for r in rewrites
    )


def _gates(said: list[str]) -> dict[str, bool]:
    """Feature gates as flags name them."""
    gates: dict[str, bool] = {}
    for text in said:
        name, _, value = text.partition("=")
        if value.lower() not in {"true", "false"}:
            raise InputError(
                f"--feature-gate {text}: neither true nor false",
                remedy="write it as NAME=true or NAME=false",
            )
        gates[name] = value.lower() == "true"
    return gates


def _counts(read: Reading, findings: tuple[Finding, ...]) -> dict[str, int]:
    return {
        "files": read.read,
        "with_findings": len({f.manifest.origin.path for f in findings}),
        "findings": len(findings),
        **{f"skipped, {why}": count for why, count in read.skipped.items()},
    }


def _refuse_foreign(output: Path) -> None:
    """Refuse a folder that holds anything but an older plan that nothing was applied from."""
    if not output.exists() and not output.is_symlink():
        return
    if not output.is_dir() or output.is_symlink():
        raise InputError("not a directory", path=str(output), remedy="name a new folder")
    held = {entry.name for entry in output.iterdir()}
    if ".journal" in held:
        raise PlanError(
            "was applied, and only it knows the way back",
            path=str(output),
            remedy=f"write to another folder, or 'dra-migrate rollback {output}' first",
        )
    if held and not (held <= _PARTS and _is_ours(output / "plan.json")):
        raise InputError(
            "holds files that are not a plan", path=str(output), remedy="name a new folder"
        )


def _is_ours(path: Path) -> bool:
    """Whether a file is a plan of this program, and no other program's."""
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(body, dict) and str(body.get("generator", "")).startswith("dra-migrate ")


def _write(output: Path, files: dict[str, bytes]) -> None:
    """Write the plan folder: into a new folder beside it that takes its place when it is whole."""
    import shutil
    import tempfile

    home: Path | None = None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        home = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
        made, old = home / "made", home / "old"
        for path, data in files.items():
            place = made / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        if output.exists():
            output.rename(old)
        try:
            made.rename(output)
        except OSError:
            if old.exists():
                old.rename(output)
            raise
    except OSError as error:
        raise PlanError(f"cannot be written: {error.strerror}", path=str(output)) from error
    finally:
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)


def _show(body: dict[str, Any], format_: Format, *, verbose: bool) -> None:
    from migrate.emit import listing, report

    if format_ is Format.JSON:
        typer.echo(listing.as_json(body), nl=False)
    elif format_ is Format.MARKDOWN:
        typer.echo(report.markdown(body), nl=False)
    else:
        screen.show(body, verbose=verbose)


def _next(body: dict[str, Any], output: Path | None) -> None:
    """What to type next, on stderr."""
    from migrate.emit import report
    from migrate.emit.listing import printable

    if output is None:
        if report.changes(body):
            typer.echo("Nothing was written. Next: the same with '-o plan/'.", err=True)
        return
    first = next((p["name"] for p in body["phases"] if p["files"]), "")
    then = f", then 'dra-migrate apply {output} --phase {first}'" if first else ""
    told = f"Written to {output}/. Next: read {output}/README.md{then}."
    typer.echo(printable(told), err=True)
