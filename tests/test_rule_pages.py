"""docs/rules/ says what the rules and their cases say; `pytest --bless` writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migrate.cli import app
from migrate.emit import rulepage
from migrate.model import USAGES, DeviceClass, Rule
from migrate.read import ruleset
from tests.rule_cases import FIXTURES, found, proving

PAGES = Path(__file__).parent.parent / "docs" / "rules"
RULES = ruleset.rules()


def example(rule: Rule) -> rulepage.Example:
    """The first file of the first case that proves a rule."""
    case = proving(rule)[0]
    root = case / "before"
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.yaml"))
    path = found(case).get(rule.name, files)[0]
    before = (root / path).read_text(encoding="utf-8")
    changed = case / "after" / path
    after = changed.read_text(encoding="utf-8") if changed.exists() else ""
    return rulepage.Example(
        case=f"fixtures/{case.relative_to(FIXTURES).as_posix()}",
        path=path,
        before=before,
        after=after if after != before else "",
    )


def pages() -> dict[str, str]:
    made = {rulepage.file_name(rule): rulepage.page(rule, example(rule)) for rule in RULES}
    return made | {"README.md": rulepage.index(RULES)}


def test_every_page_is_what_the_rules_say(request: pytest.FixtureRequest) -> None:
    """A page for every rule and no other, each as it would be made today."""
    made = pages()
    if request.config.getoption("--bless"):
        PAGES.mkdir(exist_ok=True)
        for path in PAGES.glob("*"):
            path.unlink()
        for name, text in made.items():
            (PAGES / name).write_text(text, encoding="utf-8", newline="")
    kept = {path.name: path.read_bytes().decode() for path in PAGES.glob("*")}
    assert sorted(kept) == sorted(made)
    stale = [name for name in made if kept[name] != made[name]]
    assert not stale, "'pytest tests/test_rule_pages.py --bless' writes them anew"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_a_page_tells_all_that_its_rule_knows(rule: Rule) -> None:
    """No resource, label, class or sentence of the rule is left out."""
    text = rulepage.page(rule).replace("\\|", "|")
    resources = rule.container.resources if rule.container else ()
    classes: tuple[DeviceClass, ...] = rule.container.classes if rule.container else ()
    labels = rule.placement.labels if rule.placement else ()
    facts = [
        rule.title,
        rule.maturity,
        *rule.sources,
        *rule.requires,
        *rule.limits,
        *(part for r in resources for part in (r.name, r.pattern, r.why, r.instead, *r.selectors)),
        *(part for c in classes for part in (c.name, c.why, *c.selectors)),
        *(part for x in labels for part in (x.key, x.pattern, x.why)),
        *(part for x in labels for v in x.values for part in (v.match, v.cel, v.why)),
    ]
    assert [fact for fact in facts if fact not in text] == []


def test_the_index_leads_to_every_page() -> None:
    text = rulepage.index(RULES)
    assert all(f"[{rule.name}]({rulepage.file_name(rule)})" in text for rule in RULES)


def test_a_text_with_backticks_and_bars_stays_in_its_place() -> None:
    """A rule of anybody's cannot break out of its cell, nor a file out of its fence."""
    rule = Rule(name="acme/npu", title="NPUs", sources=("a | `b`",), limits=("x",))
    text = rulepage.page(rule, rulepage.Example("c", "p", "a: |\n  ```\n  b\n"))
    assert "`` a | `b` ``" in text
    assert "````yaml\na: |\n  ```\n  b\n````" in text


def listed(*args: str) -> str:
    result = CliRunner().invoke(app, ["rules", "list", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_table_has_a_line_for_every_rule_and_a_column_for_every_usage() -> None:
    head, *lines = listed("--format", "table").split("\n\n")[0].splitlines()
    assert head.split() == ["rule", *USAGES, "source", "maturity"]
    assert [line.split()[0] for line in lines] == [rule.name for rule in RULES]
    begins = [head.index(column) for column in head.split()]
    assert all(line[begin - 1] == " " for line in lines for begin in begins[1:])
    maturities = [line[begins[-1] :] for line in lines]
    assert maturities == [rule.maturity or "Labels of nodes only." for rule in RULES]


def test_the_list_is_to_be_had_as_json_with_every_resource() -> None:
    document = json.loads(listed("--format", "json"))
    assert document["version"] == 1
    assert [rule["name"] for rule in document["rules"]] == [rule.name for rule in RULES]
    names = [each["name"] for rule in document["rules"] for each in rule["resources"]]
    assert {"nvidia.com/gpu", "google.com/tpu"} <= set(names)


def test_a_rule_covers_what_stands_in_it() -> None:
    cells = {row.rule.name: row.cells for row in rulepage.coverage(RULES)}
    assert cells["amd/gpu"]["container"] == "exact"
    assert cells["amd/gpu"]["placement"] == "selectors, stays"
    assert cells["gke/labels"]["container"] == ""
    assert cells["gke/labels"]["placement"] == "stays"
    assert cells["intel/sgx"]["container"] == "none"
    assert cells["intel/sgx"]["dra"] == ""
