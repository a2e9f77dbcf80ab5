"""`dra-migrate rules`: what the tool knows of vendors, and where it was read."""

from __future__ import annotations

import dataclasses
import json
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


@app.command("list")
def list_(rules: reading.RuleDirectories = None) -> None:
    """List the rules: one line each, with the resources they answer for."""
    known = reading.rules(rules)
    width = max(len(rule.name) for rule in known)
    for rule in known:
        resources = rule.container.resources if rule.container else ()
        names = [f"{r.name or r.pattern} ({r.maps})" for r in resources]
        labels = len(rule.placement.labels) if rule.placement else 0
        said = ", ".join(names) or f"{labels} labels"
        typer.echo(f"{rule.name.ljust(width)}  {said}")


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
