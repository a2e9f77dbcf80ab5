"""`dra-migrate rules`: what the tool knows of vendors, and where it was read."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from migrate.cli import reading
from migrate.errors import InputError

if TYPE_CHECKING:
    from migrate.model import Rule

app = typer.Typer(
    help="What the tool knows of vendors, and where it was read.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_NAME: Final = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_COMPARED: Final = re.compile(r"\b(?:DeviceClass|ResourceSlice|CustomResourceDefinition)\b")

Directory = Annotated[
    Path, typer.Option("--directory", metavar="DIR", help="The folder of your rules.")
]


class Form(Enum):
    """How the rules are listed."""

    TEXT = "text"
    TABLE = "table"
    JSON = "json"


@app.command("list")
def list_(
    rules: reading.RuleDirectories = None,
    form: Annotated[
        Form, typer.Option("--format", "-f", help="A line each, a table of usages, or JSON.")
    ] = Form.TEXT,
) -> None:
    """List the rules: what each answers for, or what it covers of every usage."""
    known = reading.rules(rules)
    lines = {Form.TEXT: _lines, Form.TABLE: _table, Form.JSON: _document}[form](known)
    typer.echo("\n".join(lines))


def _lines(rules: Sequence[Rule]) -> list[str]:
    """One line for every rule, with the resources it answers for."""
    width = max(len(rule.name) for rule in rules)
    return [f"{rule.name.ljust(width)}  {_answers(rule)}" for rule in rules]


def _answers(rule: Rule) -> str:
    from migrate.emit.report import plural

    resources = rule.container.resources if rule.container else ()
    classes = rule.container.classes if rule.container else ()
    labels = rule.placement.labels if rule.placement else ()
    names = [f"{r.name or r.pattern} ({r.maps})" for r in resources]
    if not names and labels:
        return plural(len(labels), "label")
    return ", ".join(names or [each.name for each in classes])


def _table(rules: Sequence[Rule]) -> list[str]:
    """Columns of every usage, the source and the maturity; what the words mean stands below."""
    from migrate.emit import rulepage
    from migrate.model import USAGES

    rows = [("rule", *USAGES, "source", "maturity")]
    for row in rulepage.coverage(rules):
        cells = [row.cells[usage] or "-" for usage in USAGES]
        rows.append((row.rule.name, *cells, row.source, row.maturity))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
    return [*lines, "", *rulepage.LEGEND]


def _document(rules: Sequence[Rule]) -> list[str]:
    """The same as JSON, with every resource."""
    from migrate.emit import rulepage

    listed = [
        {
            "name": row.rule.name,
            "title": row.rule.title,
            "driver": row.rule.driver,
            "maturity": row.rule.maturity,
            "usages": {usage: cell for usage, cell in row.cells.items() if cell},
            "resources": [
                {
                    "name": each.name,
                    "pattern": each.pattern,
                    "maps": each.maps,
                    "deviceClass": each.device_class,
                }
                for each in (row.rule.container.resources if row.rule.container else ())
            ],
            "sources": list(row.rule.sources),
        }
        for row in rulepage.coverage(rules)
    ]
    return [json.dumps({"version": 1, "rules": listed}, indent=2)]


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A rule's name, or a resource's.")],
    rules: reading.RuleDirectories = None,
) -> None:
    """Show one rule, whole, with its sources."""
    from migrate.read import ruleset

    known = reading.rules(rules)
    match = ruleset.resource(known, name)
    rule = next((r for r in known if r.name == name), match.rule if match else None)
    if rule is None:
        raise InputError(
            f"no rule is called {name}, and none answers for a resource of that name",
            remedy="'dra-migrate rules list' names them",
        )
    typer.echo(_text(rule), nl=False)


def _text(rule: Rule) -> str:
    from migrate import yamltext

    return yamltext.dump(_full(dataclasses.asdict(rule)))


def _full(value: Any) -> Any:
    """A value without what was left out of the rule, tuples as lists."""
    if isinstance(value, dict):
        return {k: _full(v) for k, v in value.items() if v not in ("", (), {}, None)}
    if isinstance(value, tuple | list):
        return [_full(item) for item in value]
    return value


@app.command()
def schema() -> None:
    """Print the JSON Schema of a rule file, for editors."""
    typer.echo(_schema(), nl=False)


def _schema() -> str:
    from migrate.read import ruleset

    return f"{json.dumps(ruleset.schema(), indent=2)}\n"


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="VENDOR/FAMILY", help="What the rule is called.")],
    directory: Directory = Path("rules"),
) -> None:
    """Write a rule to be filled in and a case to prove it; neither passes until it is filled in."""
    from migrate.cli import rulecases
    from migrate.emit import ruledraft

    vendor = name.partition("/")[0]
    if not _NAME.fullmatch(name) or vendor == "fixtures":
        raise InputError(
            f"{name} is no name for a rule",
            remedy="a name is <vendor>/<family>, in small letters, digits and dashes",
        )
    texts = {directory / path: text for path, text in ruledraft.files(name).items()}
    for path in texts:
        if path.exists() or path.is_symlink():
            raise InputError("is there already, and stays as it is", path=str(path))
    schema_path = directory / ruledraft.SCHEMA
    if not (schema_path.exists() or schema_path.is_symlink()):
        texts[schema_path] = _schema()
    for path, text in texts.items():
        rulecases.write(path, text.encode())
        typer.echo(str(path))
    if schema_path in texts:
        typer.echo(
            f"By {ruledraft.SCHEMA} an editor completes and checks the rule as you write.", err=True
        )
    typer.echo(
        f"Next: fill in the rule and its case, then 'dra-migrate rules test {directory}'.", err=True
    )


@app.command("test")
def proven(
    directories: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR…", help="Folders of your rules.", show_default="rules"),
    ] = None,
    *,
    bless: Annotated[
        bool,
        typer.Option("--bless", help="Write what is said now; read the diff before you keep it."),
    ] = False,
) -> None:
    """Check rules of your own, and run the cases beside them; leave with 1 on a difference."""
    from migrate.cli import rulecases
    from migrate.emit.listing import printable
    from migrate.emit.report import plural

    where = directories or [Path("rules")]
    names = {f"{path.parent.name}/{path.stem}" for home in where for path in home.glob("*/*.yaml")}
    own = [rule for rule in reading.rules(where) if rule.name in names]
    with_case: set[str] = set()
    count = wrong = 0
    for case in rulecases.cases(where, own, bless=bless):
        count += 1
        wrong += bool(case.wrong)
        with_case.update(case.proves)
        word, told = ("WRONG", case.wrong) if case.wrong else ("ok", case.said)
        typer.echo(printable(f"{word:5}  {case.name}  {told}"))
        for line in case.diff:
            typer.echo(printable(line), err=True)
    for rule in own:
        if rule.name not in with_case:
            typer.echo(f"no case proves {rule.name}", err=True)
    counts = f"{plural(len(own), 'rule')}, {plural(count, 'case')}, {wrong} wrong."
    typer.echo(counts, err=True)
    if wrong:
        raise typer.Exit(1)


@app.command()
def drift(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="CHART…",
            help="A chart, manifests, a snapshot of ResourceSlices, or '-'.",
            show_default=False,
        ),
    ],
    *,
    rules: reading.RuleDirectories = None,
    no_ignore: reading.NoIgnore = False,
    quiet: reading.Quiet = False,
    check: Annotated[
        bool, typer.Option("--check", help="Leave with 1 when a rule drifts.")
    ] = False,
) -> None:
    """Say where our rules differ from a driver's own classes, devices, CRDs and values."""
    from migrate.emit.listing import printable
    from migrate.emit.report import plural
    from migrate.read import drift

    known = reading.rules(rules)
    read = reading.reading(paths, known, no_ignore=no_ignore, quiet=quiet)
    compared = drift.compared(read.manifests, known)
    if not quiet:
        # Only what may have held such an object is missed.
        missed = (u for u in read.unreadable if not u.source or _COMPARED.search(u.source))
        reading.unread(tuple(missed), verbose=False)
    if not compared:
        raise InputError(
            "nothing of a driver is there to compare with: no DeviceClass, no ResourceSlice, and"
            " no CRD or chart's values that a rule names",
            remedy="render the chart first: 'helm template CHART | dra-migrate rules drift -'",
        )
    found = drift.differences(read.manifests, known, paths)
    for each in found:
        line, column = each.manifest.position(each.field)
        where = f"{each.manifest.origin.path}:{line}:{column}"
        typer.echo(printable(f"{where}  {each.level}  {each.rule or '-'}  {each.what}"))
    drifted = sum(each.level == "drift" for each in found)
    if not quiet:
        places = f"{plural(drifted, 'place')} where a rule drifts"
        typer.echo(f"{plural(len(compared), 'object')} compared, {places}.", err=True)
    if check and drifted:
        raise typer.Exit(1)
