"""`rules new` and `rules test`, as somebody who keeps rules of his own uses them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from migrate.cli import app, rulecases
from migrate.errors import InputError
from migrate.read import ruleset

RULE = """\
name: acme/npu
title: ACME NPUs
driver: npu.acme.example
sources: [acme/driver@1f2e3d4c]
container:
  resources:
    - name: acme.example/npu
      maps: exact
      device_class: npu.acme.example
      noun: npu
  classes:
    - name: npu.acme.example
      selectors:
        - >-
          device.driver == "npu.acme.example" &&
          device.attributes["npu.acme.example"].kind == "whole"
      extended_resource_name: acme.example/npu
    - name: part.acme.example
      selectors:
        - >-
          device.driver == "npu.acme.example" &&
          device.attributes["npu.acme.example"].kind == "part"
placement:
  labels:
    - key: acme.example/npu.model
      writer: plugin
      guard: has(device.attributes["npu.acme.example"].model)
      values:
        - maps: exact
          cel: device.attributes["npu.acme.example"].model == "{value}"
"""

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: one
spec:
  containers:
    - name: main
      image: registry.example.com/one:1
      resources:
        limits:
          acme.example/npu: 1
"""


def run(*args: object) -> Result:
    return CliRunner().invoke(app, ["rules", *map(str, args)])


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with one rule and one case."""
    home = tmp_path / "rules"
    written(home / "acme/npu.yaml", RULE)
    written(home / "fixtures/acme/container-npu/before/pod.yaml", POD)
    return home


# new


def test_a_new_rule_is_refused_until_every_empty_field_is_filled_in(tmp_path: Path) -> None:
    """Each empty field is told with its line; filled in with the case, all passes."""
    done = run("new", "acme/npu", "--directory", tmp_path)
    assert done.exit_code == 0
    rule = tmp_path / "acme/npu.yaml"
    case = tmp_path / "fixtures/acme/container-npu/before/npu.yaml"
    assert done.stdout.split() == [str(rule), str(case), str(tmp_path / "schema.json")]
    lines = rule.read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=../schema.json"
    parents = ("sources:", "container:", "resources:", "classes:", "selectors:")
    empty = {
        number
        for number, line in enumerate(lines, start=1)
        if re.fullmatch(r"\s*(?:- )?\w+:|\s*-", line) and not line.strip("- ").startswith(parents)
    }
    refused = run("test", tmp_path)
    assert isinstance(refused.exception, InputError)
    assert {int(n) for n in re.findall(r"npu\.yaml:(\d+):", str(refused.exception))} == empty
    assert len(empty) >= 10
    assert str(refused.exception).count(" is empty; ") == len(empty)
    assert "Input should be" not in str(refused.exception)

    fill = {
        "title": "NPUs",
        "driver": "npu.acme.example",
        "maps": "exact",
        "device_class": "npu.acme.example",
        "noun": "npu",
        "source": "here",
        "extended_resource_name": '""',
    }
    text = rule.read_text()
    for key, value in fill.items():
        text = re.sub(rf"(?m)^(\s*{key}:)$", rf"\1 {value}", text)
    text = text.replace("  -\n", "  - here\n", 1)
    text = text.replace("        -\n", "        - device.driver == 'npu.acme.example'\n")
    text = text.replace("- name:\n", "- name: acme.example/npu\n", 1)
    text = text.replace("- name:\n", "- name: npu.acme.example\n", 1)
    rule.write_text(text)
    assert "acme/npu" in [each.name for each in ruleset.rules([tmp_path])]
    unproven = run("test", tmp_path)
    assert unproven.exit_code == 1
    assert "no rule of these directories answers for anything" in unproven.stdout
    case.write_text(case.read_text().replace("cpu: 1", "acme.example/npu: 1"))
    assert run("test", tmp_path).exit_code == 0


def test_a_new_rule_has_its_schema_where_its_first_line_looks(tmp_path: Path) -> None:
    """The schema is written once, is what `rules schema` prints, and no other file gives way."""
    run("new", "acme/npu", "--directory", tmp_path)
    first = (tmp_path / "acme/npu.yaml").read_text().splitlines()[0]
    place = (tmp_path / "acme" / first.partition("$schema=")[2]).resolve()
    assert place == (tmp_path / "schema.json").resolve()
    assert place.read_text() == run("schema").stdout

    place.write_text("mine")
    again = run("new", "acme/tpu", "--directory", tmp_path)
    assert (again.exit_code, place.read_text()) == (0, "mine")
    assert "schema.json" not in again.stdout


def test_a_new_rule_overwrites_nothing(tmp_path: Path) -> None:
    """Neither the rule nor the case is touched, and nothing is half-written."""
    case = written(tmp_path / "fixtures/acme/container-npu/before/npu.yaml", "mine")
    done = run("new", "acme/npu", "--directory", tmp_path)
    assert isinstance(done.exception, InputError)
    assert case.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [case]


@pytest.mark.parametrize("name", ["npu", "acme/", "../npu", "acme/a/b", "Acme/NPU", "fixtures/x"])
def test_a_new_rule_has_a_name_that_a_rule_can_have(tmp_path: Path, name: str) -> None:
    done = run("new", name, "--directory", tmp_path / "rules")
    assert isinstance(done.exception, InputError)
    assert not list(tmp_path.iterdir())


# test


def test_cases_are_held_against_what_was_blessed(home: Path) -> None:
    """One line per case; a golden text that says otherwise is wrong, and its diff is shown."""
    case = home / "fixtures/acme/container-npu"
    first = run("test", home)
    assert first.exit_code == 0
    assert first.stdout.startswith("ok     acme/container-npu  nothing to compare with yet")
    assert [path.name for path in case.iterdir()] == ["before"]
    assert run("test", home, "--bless").exit_code == 0
    assert {path.name for path in case.iterdir()} == {
        *("before", "findings.txt", "report.txt", "after")
    }
    assert "acme/npu" in (case / "findings.txt").read_text()
    assert "1 × acme.example/npu" in (case / "report.txt").read_text()
    assert "resourceClaimTemplateName" in (case / "after/pod.yaml").read_text()
    assert "as before" in run("test", home).stdout

    (case / "args").write_text("--strategy\nbridge\n--kubernetes\n1.36\n")
    differs = run("test", home)
    assert differs.exit_code == 1
    told = "report.txt and after differ from what comes out now"
    assert differs.stdout == f"WRONG  acme/container-npu  {told}\n"
    assert "--- report.txt" in differs.stderr
    assert "--- after/pod.yaml" in differs.stderr
    assert run("test", home, "--bless").exit_code == 0
    assert run("test", home).exit_code == 0


def test_only_what_a_case_has_is_compared_and_written(home: Path) -> None:
    """A plan folder is compared to the last byte where the case has one."""
    case = home / "fixtures/acme/container-npu"
    written(case / "plan/README.md", "an older plan")
    written(case / "plan/stray.yaml", "no part of it")
    done = run("test", home)
    assert (done.exit_code, done.stdout.split()[2]) == (1, "plan")
    assert run("test", home, "--bless").exit_code == 0
    assert {path.name for path in case.iterdir()} == {"before", "plan"}
    assert not (case / "plan/stray.yaml").exists()
    assert (case / "plan/plan.json").exists()
    assert run("test", home).exit_code == 0

    written(case / "plan/3-claim/new/more.yaml", "more")
    done = run("test", home)
    assert done.exit_code == 1
    assert "--- plan/3-claim/new/more.yaml" in done.stderr


def test_a_new_case_gets_a_plan_folder_where_it_has_room_for_one(home: Path) -> None:
    case = home / "fixtures/acme/container-npu"
    (case / "plan").mkdir()
    assert run("test", home, "--bless").exit_code == 0
    assert {path.name for path in case.iterdir()} == {"before", *rulecases.PARTS}
    assert (case / "plan/plan.json").exists()
    assert run("test", home).exit_code == 0


def test_a_case_that_a_verb_refuses_is_wrong(home: Path) -> None:
    """What a verb refuses is told for its case, and the other cases are run."""
    for name in ("container-aa", "container-zz"):
        written(home / f"fixtures/acme/{name}/before/pod.yaml", POD)
    case = home / "fixtures/acme/container-npu"
    (case / "args").write_text("--kubernetes\n1.5\n")
    done = run("test", home)
    assert done.exit_code == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok", "WRONG", "ok"]


def test_a_folder_without_rules_says_how_one_is_begun(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        done = run("test", folder)
        assert isinstance(done.exception, InputError)
        assert "'dra-migrate rules new' begins one" in str(done.exception)


def test_a_rule_of_labels_or_classes_alone_is_listed_by_them() -> None:
    """There is always something to know a rule by."""
    lines = run("list").stdout.splitlines()
    assert all(len(re.split(r" {2,}", line, maxsplit=1)) == 2 for line in lines)
    assert not any(line.endswith((" 1 labels", " 0 labels")) for line in lines)


def test_a_case_is_left_as_it_is(home: Path) -> None:
    """Its phases are applied to a copy."""
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    run("test", home)
    assert {p: p.read_bytes() for p in home.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("args", ["-o\nplan\n", "-qoplan\n", "--output=plan\n", "--no-such-flag\n"])
def test_a_case_with_flags_that_write_or_do_not_exist_is_wrong(home: Path, args: str) -> None:
    case = home / "fixtures/acme/container-npu"
    (case / "args").write_text(args)
    before = sorted(home.rglob("*"))
    done = run("test", home)
    assert done.exit_code == 1
    assert done.stdout.startswith("WRONG  acme/container-npu  ")
    assert sorted(home.rglob("*")) == before


def test_a_rule_without_a_case_is_told(home: Path) -> None:
    (home / "fixtures/acme/container-npu/before/pod.yaml").unlink()
    (home / "fixtures/acme/container-npu/before").rmdir()
    assert "no case proves acme/npu" in run("test", home).stderr
