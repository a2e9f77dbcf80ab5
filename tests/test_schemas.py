"""What machines read is as docs/scan.schema.json and docs/plan.schema.json say, for every case."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from migrate.cli import app
from migrate.emit import folder, listing
from migrate.read import planfolder

DOCS = Path(__file__).parent.parent / "docs"
CASES = sorted((DOCS.parent / "fixtures").glob("*/*/before"))
TOUR = DOCS.parent / "fixtures/nvidia/container-tour/before"


@cache
def schema(name: str) -> Any:
    """A schema of the documentation."""
    return json.loads((DOCS / f"{name}.schema.json").read_text(encoding="utf-8"))


def mistakes(name: str, body: Any) -> list[str]:
    """What a schema has against a document."""
    errors = Draft202012Validator(schema(name)).iter_errors(body)
    return [f"{error.json_path}: {error.message}" for error in errors]


def said(*args: str) -> Any:
    """The JSON that a verb prints."""
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def arguments(before: Path) -> list[str]:
    """The flags of a case."""
    file = before.parent / "args"
    return [line for line in file.read_text().split("\n") if line] if file.exists() else []


@pytest.mark.parametrize("before", CASES, ids=lambda p: f"{p.parent.parent.name}/{p.parent.name}")
def test_every_case_is_as_the_schemas_say(
    before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The findings, the plan as it is printed, and the plan as it is written."""
    monkeypatch.chdir(before)
    assert not mistakes("scan", said("scan", ".", "--format", "json"))
    output = tmp_path / "plan"
    printed = said("plan", ".", "-o", str(output), "--format", "json", *arguments(before))
    written = json.loads((output / "plan.json").read_bytes())
    assert printed == written
    assert not mistakes("plan", written)
    assert planfolder.body(output) == written


@pytest.mark.parametrize("name", ["scan", "plan"])
def test_a_schema_is_one_and_describes_all_it_names(name: str) -> None:
    """Every property says in words what it is, and the version is the program's."""
    Draft202012Validator.check_schema(schema(name))
    bare = [where for where, part in properties(schema(name)) if not described(name, part)]
    assert not bare
    own = {"scan": listing.VERSION, "plan": planfolder.VERSION}[name]
    assert schema(name)["properties"]["version"]["const"] == own


def properties(part: Any, where: str = "$") -> Iterator[tuple[str, Any]]:
    """Every property of a schema, with its place."""
    if isinstance(part, dict):
        for key, value in part.get("properties", {}).items():
            if "const" not in value or key == "version":
                yield f"{where}.{key}", value
        for key, value in part.items():
            yield from properties(value, f"{where}.{key}")
    elif isinstance(part, list):
        for i, value in enumerate(part):
            yield from properties(value, f"{where}[{i}]")


def described(name: str, part: Any) -> bool:
    """Whether a property says what it is, or what it refers to does."""
    if reference := part.get("$ref", ""):
        part = schema(name)["$defs"][reference.rpartition("/")[2]]
    return bool(part.get("description"))


Damage = Callable[[Any], object]


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body.pop("summary"),
        lambda body: body.update(version=2),
        lambda body: body["findings"][0].update(usage="magic"),
        lambda body: body["findings"][0].update(line=0),
        lambda body: body["findings"][0].update(extra=1),
        lambda body: body["findings"][0]["object"].pop("kind"),
        lambda body: body["summary"].update(files="many"),
    ],
)
def test_the_schema_of_scan_refuses_what_is_wrong(damage: Damage) -> None:
    body = said("scan", str(TOUR), "--format", "json")
    assert not mistakes("scan", body)
    damaged = copy.deepcopy(body)
    damage(damaged)
    assert mistakes("scan", damaged)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body["phases"].pop(),
        lambda body: body["phases"].reverse(),
        lambda body: body["phases"].append(body["phases"][0]),
        lambda body: body.update(version=2),
        lambda body: body.update(extra=1),
        lambda body: body["phases"][2]["files"][0].update(after="sha256:"),
        lambda body: body["phases"][2]["files"][0]["splices"][0].pop(),
        lambda body: body["phases"][2]["changes"][0].update(safety="fine"),
        lambda body: body["counts"].pop("pods"),
    ],
)
def test_the_schema_of_plans_refuses_what_is_wrong(damage: Damage) -> None:
    body = said("plan", str(TOUR), "--format", "json")
    assert not mistakes("plan", body)
    damaged = copy.deepcopy(body)
    damage(damaged)
    assert mistakes("plan", damaged)


def test_the_folders_of_a_plan_are_its_phases() -> None:
    names = [part["allOf"][1]["properties"]["name"]["const"] for part in prefixes()]
    assert list(folder.NUMBERS) == names


def prefixes() -> Any:
    return schema("plan")["properties"]["phases"]["prefixItems"]
