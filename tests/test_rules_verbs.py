"""`rules new`, `rules test` and `rules drift`, as somebody who keeps rules of his own uses them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from migrate.cli import app
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

CLASSES = """\
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata:
  name: npu.acme.example
spec:
  extendedResourceName: acme.example/npu
  selectors:
    - cel:
        expression: |
          device.driver   == 'npu.acme.example'
            && device.attributes['npu.acme.example'].kind == 'whole'
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata:
  name: part.acme.example
spec:
  selectors:
    - cel:
        expression: >-
          device.driver == "npu.acme.example" &&
          device.attributes["npu.acme.example"].kind == "part"
"""

SLICES = {
    "v1beta1": """\
apiVersion: resource.k8s.io/v1beta1
kind: ResourceSlice
metadata:
  name: node-1
spec:
  driver: npu.acme.example
  devices:
    - name: npu-0
      basic:
        attributes:
          kind: {string: whole}
          model: {string: A1}
""",
    "v1": """\
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata:
  name: node-1
spec:
  driver: npu.acme.example
  devices:
    - name: npu-0
      attributes:
        kind: {string: whole}
        npu.acme.example/model: {string: A1}
""",
}


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
    assert done.stdout.split() == [str(rule), str(case)]
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
    assert (first.exit_code, first.stdout.split()) == (
        0,
        ["ok", "acme/container-npu", "nothing", "to", "compare", "with"],
    )
    assert not (case / "findings.txt").exists()
    assert run("test", home, "--bless").exit_code == 0
    assert "acme/npu" in (case / "findings.txt").read_text()
    assert "1 × acme.example/npu" in (case / "report.txt").read_text()
    assert "as before" in run("test", home).stdout

    (case / "args").write_text("--strategy\nbridge\n")
    differs = run("test", home)
    assert differs.exit_code == 1
    assert differs.stdout == "WRONG  acme/container-npu  report.txt differ from what is said now\n"
    assert "--- report.txt" in differs.stderr
    assert run("test", home, "--bless").exit_code == 0
    assert run("test", home).exit_code == 0


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


# drift


def drift(home: Path, text: str, *args: str, name: str = "chart.yaml") -> Result:
    return run("drift", written(home.parent / "out" / name, text), "--rules", home, *args)


def told(result: Result) -> list[tuple[str, str]]:
    """The level and the sentence of every line."""
    lines = (line.split("  ", 3) for line in result.stdout.splitlines())
    return [(level, what) for _, level, _, what in lines]


def test_classes_that_agree_do_not_drift(home: Path) -> None:
    """Blanks, line breaks and the kind of quotes in a selector do not matter."""
    done = drift(home, CLASSES, "--check")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "2 objects compared" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("name: part.acme", "name: bit.acme", "the class bit.acme.example of the driver"),
        ("name: part.acme", "name: bit.acme", "the class part.acme.example of the driver"),
        ("== 'whole'", "== 'who le'", "the selectors of npu.acme.example are"),
        ("  extendedResourceName: acme.example/npu\n", "", "acme.example/npu is gone from"),
        ("extendedResourceName: acme", "extendedResourceName: x", "is x.example/npu; the rule has"),
        (
            "  name: part.acme.example\nspec:\n",
            "  name: part.acme.example\nspec:\n  extendedResourceName: a.example/b\n",
            "extendedResourceName a.example/b is new in part.acme.example",
        ),
    ],
)
def test_a_class_that_drifts_is_told(home: Path, old: str, new: str, what: str) -> None:
    text = CLASSES.replace(old, new)
    assert text != CLASSES
    done = drift(home, text)
    assert done.exit_code == 0
    assert any(level == "drift" and what in said for level, said in told(done)), done.stdout
    assert re.match(r"\S+chart\.yaml:\d+:\d+  drift  acme/npu  ", done.stdout)
    assert drift(home, text, "--check").exit_code == 1


def test_a_name_that_an_older_version_is_rendered_without_is_no_drift(home: Path) -> None:
    text = CLASSES.replace("  extendedResourceName: acme.example/npu\n", "")
    done = drift(home, text.replace("resource.k8s.io/v1", "resource.k8s.io/v1beta1"), "--check")
    assert done.exit_code == 0
    assert [level for level, _ in told(done)] == ["info"]


def test_a_chart_is_read_behind_its_template_text(home: Path) -> None:
    """What a template fills in is not compared; what stands there is."""
    text = CLASSES.replace("resource.k8s.io/v1", '{{ include "acme.apiVersion" . }}')
    text = text.replace("/npu\n", "/chip\n").replace('== "part"', '== "{{ .Values.part }}"')
    written(home.parent / "out/chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    done = drift(home, text, name="chart/templates/classes.yaml")
    assert told(done) == [
        (
            "drift",
            (
                "extendedResourceName of npu.acme.example is acme.example/chip; "
                "the rule has acme.example/npu"
            ),
        ),
        ("info", "the selectors of part.acme.example are filled in by a template"),
    ]


@pytest.mark.parametrize("version", SLICES)
def test_slices_of_every_version_are_compared(home: Path, version: str) -> None:
    """A device of one class says nothing of the rule's other class."""
    assert told(drift(home, SLICES[version], "--check")) == []
    more = SLICES[version].replace("kind: {string: whole}", "kind: {string: whole}, new: {int: 1}")
    more = re.sub(r"( +)(kind: \S+ \S+), (new: .*)", r"\1\2\n\1\3", more)
    done = drift(home, more, "--check")
    assert told(done) == [("info", "no rule mentions attribute npu.acme.example/new")]
    assert done.exit_code == 0


@pytest.mark.parametrize("version", SLICES)
def test_an_attribute_that_no_device_has_any_more_is_told(home: Path, version: str) -> None:
    done = drift(home, SLICES[version].replace("model:", "type:"), "--check")
    assert done.exit_code == 1
    assert told(done) == [
        ("info", "no rule mentions attribute npu.acme.example/type"),
        (
            "drift",
            (
                "the rule asks for attribute npu.acme.example/model, "
                "which no device of the driver has"
            ),
        ),
    ]


def test_a_driver_that_no_rule_has_is_told(home: Path) -> None:
    text = SLICES["v1"].replace("npu.acme.example", "fpga.acme.example")
    assert told(drift(home, text)) == [("info", "no rule has the driver fpga.acme.example")]


def test_nothing_to_compare_is_said_and_no_success(home: Path) -> None:
    done = drift(home, POD)
    assert isinstance(done.exception, InputError)
    assert "no DeviceClass and no ResourceSlice" in str(done.exception)
