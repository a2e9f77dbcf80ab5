"""`dra-migrate rules`: what the tool knows of vendors, and where it was read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

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
    resources = rule.container.resources if rule.container else ()
    labels = len(rule.placement.labels) if rule.placement else 0
    names = [f"{r.name or r.pattern} ({r.maps})" for r in resources]
    return ", ".join(names) or f"{labels} labels"


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
    rule = next((r for r in known if r.name == name), None)
    match = None if rule else ruleset.resource(known, name)
    if rule is None and match is None:
        raise InputError(
            f"no rule is called {name}, and none answers for a resource of that name",
            remedy="'dra-migrate rules list' names them",
        )
    typer.echo(_text(rule or match.rule), nl=False)  # type: ignore[union-attr]


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
    from migrate.read import ruleset

    typer.echo(json.dumps(ruleset.schema(), indent=2))
