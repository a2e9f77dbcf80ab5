"""`rules drift`: rules held against the classes, devices, CRDs and values of a driver."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from migrate.cli import app
from migrate.errors import InputError
from tests.test_rules_verbs import POD, RULE, written

PLUGIN = """\
plugin:
  parts:
    - name: operator
      kinds: [acme.example/NpuPolicy]
      charts: [npu-operator]
      disabled_by: {devicePlugin.enabled: false}
      why: It runs the plugin.
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


ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: npu-driver
"""

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: npupolicies.acme.example
spec:
  group: acme.example
  names: {kind: NpuPolicy, plural: npupolicies}
  versions:
    - name: v1
      served: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                devicePlugin:
                  type: object
                  properties:
                    enabled:
                      type: boolean
"""


def rendered(*templates: str) -> str:
    """What Helm prints for templates: a comment above each of their objects."""
    return "".join(
        f"---\n# Source: npu-driver/templates/{number}.yaml\n{text}"
        for number, template in enumerate(templates)
        for text in template.split("---\n")
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with one rule."""
    written(tmp_path / "rules/acme/npu.yaml", RULE + PLUGIN)
    return tmp_path / "rules"


def run(*args: object) -> Result:
    return CliRunner().invoke(app, ["rules", *map(str, args)])


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
    assert "nothing of a driver is there to compare with" in str(done.exception)


# Classes that are new, renamed or gone.


def chart(home: Path, name: str, **texts: str) -> Path:
    """A chart's folder with these templates."""
    folder = home.parent / "charts" / name
    written(folder / "Chart.yaml", f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
    for template, text in texts.items():
        written(folder / f"templates/{template}.yaml", text)
    return folder


def without(text: str, name: str) -> str:
    """Manifests without the one of this name."""
    parts = [part for part in text.split("---\n") if f"name: {name}\n" not in part]
    assert len(parts) == text.count("---\n")
    return "---\n".join(parts)


def test_a_renamed_class_is_told_in_one_line(home: Path) -> None:
    text = CLASSES.replace("name: part.acme", "name: bit.acme")
    renamed = [("drift", "the class part.acme.example is called bit.acme.example now")]
    assert told(drift(home, rendered(ACCOUNT, text))) == renamed
    assert told(run("drift", chart(home, "npu", classes=text), "--rules", home)) == renamed


def test_a_class_that_selects_what_another_does_may_be_anybodys(home: Path) -> None:
    """Where nothing says that a chart brings it, it is no drift."""
    done = drift(home, CLASSES.replace("name: part.acme", "name: my.acme"), "--check")
    what = "the class my.acme.example is in no rule; it selects what part.acme.example does"
    assert (done.exit_code, told(done)) == (0, [("info", what)])


def test_a_new_class_drifts_where_a_chart_brings_it(home: Path) -> None:
    """The same class in a file of somebody's is none of the driver's."""
    new = re.sub("kind == 'whole'", "kind == 'half'", CLASSES.partition("---\n")[0])
    new = new.replace("name: npu.acme", "name: half.acme")
    what = "the class half.acme.example of the driver npu.acme.example is in no rule"
    assert told(drift(home, f"{CLASSES}---\n{new}")) == [("info", what)]
    assert told(drift(home, rendered(ACCOUNT, CLASSES, new))) == [("drift", what)]


def test_a_class_is_gone_only_from_a_whole_chart(home: Path) -> None:
    """Of some files nobody knows what stands in the others."""
    text = without(CLASSES, "part.acme.example")
    assert told(drift(home, text)) == []
    assert told(drift(home, rendered(text))) == []
    folder = chart(home, "npu", classes=text)
    assert told(run("drift", folder / "templates", "--rules", home)) == []
    gone = "the class part.acme.example of the driver npu.acme.example is not there"
    for path in (folder, folder.parent):
        assert told(run("drift", path, "--rules", home)) == [("drift", gone)]


def test_a_class_that_values_may_leave_out_is_no_drift(home: Path) -> None:
    """Rendered without one of a family's classes, the chart may have it all the same."""
    rule = home / "acme/npu.yaml"
    text = rule.read_text().replace(
        "    - name: part.acme.example\n",
        "    - name: part.acme.example\n      why: Only with parts.enabled=true.\n",
    )
    rule.write_text(text)
    done = drift(home, rendered(ACCOUNT, without(CLASSES, "part.acme.example")), "--check")
    assert done.exit_code == 0
    ((level, what),) = told(done)
    assert (level, "Only with parts.enabled=true." in what) == ("info", True)
    # Nothing of the family is there any more, though its driver is.
    other = CLASSES.partition("---\n")[0].replace("name: npu.acme", "name: all.acme")
    other = re.sub(r"\n +&& .*", "", other)
    said = told(drift(home, rendered(ACCOUNT, other)))
    assert [level for level, _ in said] == ["drift"] * 3


def test_a_class_may_be_one_whose_name_a_template_fills_in(home: Path) -> None:
    """By its selectors it is known all the same."""
    named = "name: {{ .Values.name }}.acme.example"
    text = CLASSES.replace("name: part.acme.example", named)
    assert told(run("drift", chart(home, "npu", classes=text), "--rules", home)) == []
    text = text.replace('== "part"', '== "{{ .Values.part }}"')
    said = told(run("drift", chart(home, "npu", classes=text), "--rules", home))
    assert [level for level, _ in said] == ["info", "info"]
    assert any("unless a template fills in its name" in what for _, what in said)


def test_a_name_that_the_rule_says_is_not_always_there(home: Path) -> None:
    """Missing where no chart is, it is told with what the rule says of it."""
    rule = home / "acme/npu.yaml"
    why = "      why: Without extendedResourceName where the operator brings it.\n"
    rule.write_text(
        rule.read_text().replace("    - name: part.acme", f"{why}    - name: part.acme")
    )
    text = CLASSES.replace("  extendedResourceName: acme.example/npu\n", "")
    assert [level for level, _ in told(drift(home, text))] == ["info"]
    assert [level for level, _ in told(drift(home, rendered(ACCOUNT, text)))] == ["drift"]


# Devices.


def test_an_attribute_that_a_selector_does_without_is_not_asked_for(home: Path) -> None:
    """What stands behind `has()` or `.?` is no drift where no device has it."""
    rule = home / "acme/npu.yaml"
    one, whole = 'device.attributes["npu.acme.example"].model', 'kind == "whole"\n'
    for more in (f"(!has({one}) || {one} == 'A1')", f"{one.replace('.model', '.?model')} == 'A1'"):
        text = (RULE + PLUGIN).partition("placement:")[0]
        rule.write_text(text.replace(whole, f"{whole[:-1]} &&\n          {more}\n"))
        assert told(drift(home, SLICES["v1"].replace("model:", "type:"), "--check")) == [
            ("info", "no rule mentions attribute npu.acme.example/type")
        ]


def test_devices_of_one_class_are_not_asked_what_another_selects_by(home: Path) -> None:
    rule = home / "acme/npu.yaml"
    text = rule.read_text().replace('.kind == "part"', '.kind == "part" && SIZE == 1')
    rule.write_text(text.replace("SIZE", 'device.attributes["npu.acme.example"].size'))
    assert told(drift(home, SLICES["v1"], "--check")) == []
    part = SLICES["v1"].replace("whole", "part")
    what = "the rule asks for attribute npu.acme.example/size, which no device of the driver has"
    assert ("drift", what) in told(drift(home, part))


def test_a_label_is_asked_of_the_devices_that_its_values_mean(home: Path) -> None:
    """Its guard too: a value may mean another class than the rule's own."""
    rule = home / "acme/npu.yaml"
    rule.write_text(
        rule.read_text().replace(
            "- maps: exact", "- device_class: part.acme.example\n          maps: exact"
        )
    )
    whole = SLICES["v1"].replace("model:", "type:")
    assert [level for level, _ in told(drift(home, whole))] == ["info"]
    assert "drift" in [level for level, _ in told(drift(home, whole.replace("whole", "part")))]


def test_one_of_two_attributes_is_enough_where_the_rule_says_or(home: Path) -> None:
    rule = home / "acme/npu.yaml"
    either = 'has(device.attributes["npu.acme.example"].name)'
    text = rule.read_text().replace("guard: has", f"guard: {either} || has")
    rule.write_text(re.sub(r"guard: (.*)", r"guard: (\1)", text))
    assert told(drift(home, SLICES["v1"], "--check")) == []


def test_what_no_rule_mentions_is_one_line_a_driver(home: Path) -> None:
    """Kubernetes' own attributes are none of a driver's."""
    new = "        b: {int: 1}\n        a: {int: 1}\n        resource.kubernetes.io/pcieRoot: {}\n"
    what = "no rule mentions attribute npu.acme.example/b, attribute npu.acme.example/a"
    assert told(drift(home, SLICES["v1"] + new)) == [("info", what)]


# Kinds and values by which parts are known and switched off.


def test_a_definition_that_has_the_switch_does_not_drift(home: Path) -> None:
    done = drift(home, DEFINITION, "--check")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "1 object compared" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("enabled:\n", "active:\n", "is not there, for its schema has no enabled"),
        ("devicePlugin:\n", "plugin:\n", "is not there, for its schema has no devicePlugin"),
        (" spec:\n  ", " status:\n  ", "is not there, for its schema has no spec"),
        ("type: boolean", "type: string", "is of type string; the rule sets it to false"),
        ("type: boolean", "enum: [true]", "takes true; the rule sets it to false"),
    ],
)
def test_a_definition_without_the_switch_drifts(home: Path, old: str, new: str, what: str) -> None:
    """The line is that of the schema in which the field is missing."""
    text = DEFINITION.replace(old, new)
    assert text != DEFINITION
    done = drift(home, text, "--check")
    assert done.exit_code == 1
    said = f"spec.devicePlugin.enabled of acme.example/NpuPolicy {what}"
    assert told(done) == [("drift", said)]
    assert re.match(r"\S+chart\.yaml:(1[2-9]|2[0-9]):\d+  drift  acme/npu  ", done.stdout)


@pytest.mark.parametrize(
    ("schema", "is_told"),
    [
        ("x-kubernetes-preserve-unknown-fields: true", False),
        ("additionalProperties: true", False),
        ("additionalProperties: {type: boolean}", False),
        ("additionalProperties: {}", False),
        ("x-kubernetes-preserve-unknown-fields: false", True),
        ("additionalProperties: false", True),
        ("additionalProperties: {type: integer}", True),
        ("additionalProperties: {x-kubernetes-int-or-string: true}", True),
    ],
)
def test_a_schema_may_take_more_than_it_names(home: Path, schema: str, is_told: bool) -> None:
    indent = " " * 18
    text = DEFINITION.replace(
        f"{indent}properties:\n{indent}  enabled:\n{indent}    type: boolean\n",
        f"{indent}{schema}\n",
    )
    assert text != DEFINITION
    assert [level for level, _ in told(drift(home, text))] == ["drift"] * is_told


def test_an_older_definition_is_compared(home: Path) -> None:
    """In v1beta1 one schema may stand for all versions."""
    head, _, schema = DEFINITION.partition("      schema:\n")
    shared = "".join(f"{line[4:]}\n" for line in schema.splitlines())
    text = f"{head}  validation:\n{shared}".replace("io/v1\n", "io/v1beta1\n")
    assert told(drift(home, text)) == []
    (said,) = told(drift(home, text.replace("enabled:", "active:")))
    assert said[0] == "drift"


def test_a_switch_that_one_version_lacks_is_told_with_the_version(home: Path) -> None:
    """A version that is not served says nothing."""
    version = DEFINITION.partition("  versions:\n")[2]
    other = version.replace("name: v1", "name: v2").replace("enabled:", "active:")
    ((level, what),) = told(drift(home, DEFINITION + other))
    assert (level, what.endswith(" in v2")) == ("info", True)
    assert told(drift(home, DEFINITION + other.replace("served: true", "served: false"))) == []


def test_kinds_of_the_drivers_group_are_told_where_no_rule_mentions_them(home: Path) -> None:
    """A kind of a group that is nobody's is passed over."""
    other = DEFINITION.replace("NpuPolicy", "NpuPool").replace("npupolicies", "npupools")
    foreign = other.replace("acme.example", "example.com")
    done = drift(home, f"{DEFINITION}---\n{other}---\n{foreign}", "--check")
    assert (done.exit_code, told(done)) == (0, [("info", "no rule mentions acme.example/NpuPool")])
    rule = home / "acme/npu.yaml"
    rule.write_text(rule.read_text().replace("It runs the plugin.", "It runs an NpuPool."))
    assert told(drift(home, f"{DEFINITION}---\n{other}")) == []


def test_a_kind_is_missed_only_beside_others_of_its_group_in_a_whole_chart(home: Path) -> None:
    other = DEFINITION.replace("NpuPolicy", "NpuPool").replace("npupolicies", "npupools")
    missing = "acme.example/NpuPolicy is not among the kinds of its group that the chart brings"
    assert ("info", missing) not in told(drift(home, other))
    folder = chart(home, "npu-operator", pools=other)
    assert ("info", missing) in told(run("drift", folder, "--rules", home))


def test_every_definition_of_a_kind_is_compared(home: Path) -> None:
    """A tree may hold two releases of an operator."""
    older = chart(home, "older", policies=DEFINITION.replace("enabled:", "active:"))
    chart(home, "newer", policies=DEFINITION)
    assert [level for level, _ in told(run("drift", older.parent, "--rules", home))] == ["drift"]


def test_what_comes_on_standard_input_is_of_no_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in a chart's folder, a cluster's classes are not that chart's."""
    folder = chart(home, "npu")
    monkeypatch.chdir(folder)
    text = without(CLASSES, "part.acme.example")
    args = ["rules", "drift", "-", ".", "--rules", str(home)]
    assert CliRunner().invoke(app, args, input=text).stdout == ""


def test_values_of_a_chart_that_lost_the_switch_drift(home: Path) -> None:
    """An empty mapping stands for all that may be written there."""
    folder = chart(home, "npu-operator")
    lines = {
        "devicePlugin: {enabled: true, image: a}": [],
        "devicePlugin: {}": [],
        "devicePlugin: {active: true}": ["the chart's values have no devicePlugin.enabled"],
        "plugin: {enabled: true} # devicePlugin": ["the chart's values have no devicePlugin"],
        "devicePlugin: {enabled: yes please}": ["devicePlugin.enabled is yes please here"],
    }
    for text, wanted in lines.items():
        written(folder / "values.yaml", f"domain: acme.example\n{text}\n")
        said = told(run("drift", folder, "--rules", home))
        assert [level for level, _ in said] == ["drift"] * len(wanted), text
        assert all(what.startswith(w) for (_, what), w in zip(said, wanted, strict=True)), said


def test_a_chart_that_wraps_another_keeps_its_values_elsewhere(home: Path) -> None:
    folder = chart(home, "npu-operator")
    written(
        folder / "values.yaml", "npu-operator: {devicePlugin: {enabled: true}}\na: acme.example\n"
    )
    with (folder / "Chart.yaml").open("a") as file:
        file.write("dependencies:\n- {name: npu-operator, version: 1.0.0}\n")
    assert isinstance(run("drift", folder, "--rules", home).exception, InputError)
