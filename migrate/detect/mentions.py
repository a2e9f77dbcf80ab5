"""Requests that stand in text: in comments, strings, files that do not parse; never edited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from typing import Final

from migrate import kube, yamltext
from migrate.model import Field, Finding, Manifest, Rule, Shape, at, fields
from migrate.read import ruleset, texts
from migrate.yamltext import Text

_KEY: Final = re.compile(
    r"^(?P<indent>(?:[\s#]|-(?=\s))*)[\"']?(?P<name>[A-Za-z0-9.-]+/[A-Za-z0-9._-]+)[\"']?\s*:\s*(?P<value>.*)$"
)
_ABOVE: Final = re.compile(r"^[\s#-]*[\"']?(limits|requests|hard)[\"']?\s*:")
_COUNTED: Final = re.compile(
    r"(?<![\w./~-])(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*/[A-Za-z0-9][\w.-]*)\\*[\"']?"
    r"[ \t]*[:=][ \t]*\\*[\"']?(?P<value>\d{1,18})(?![\w.:/])"
)
"""A name with a count, as YAML, JSON, TOML, Python and flags write them."""
_COUNT: Final = re.compile(r"/[A-Za-z0-9][\w.-]*\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?\d")
"""What such a name has in every case, and few texts have: a search from a fixed character."""
_ASKED: Final = re.compile(r"(?:limits|requests)\\*[\"']?[ \t]*[:=]")
_COMMENT: Final = re.compile(r"^\s*#")
_SET: Final = re.compile(
    r"\b(?:limits|requests)\.\\*[\"']?(?P<name>[A-Za-z0-9][\w-]*(?:\\+\.[\w-]+)+/[\w-]+"
    r"(?:\\+\.[\w-]+)*)\\*[\"']?=\\*[\"']?(?P<value>\d{1,18}(?![\w.]))?"
)
"""A request as a path of keys with dots between them, and escaped dots in them."""
_VENDOR: Final = re.compile(
    r"\b(?P<of>spark\.\w+\.resource\.(?P<name>[\w-]+))\.vendor(?:[ \t]*[=:][ \t]*|[ \t]+)\\*[\"']?"
    r"(?P<domain>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
)
"""Of the properties by which Spark asks, the one with the domain. Source: Spark configuration."""
_AMOUNT: Final = re.compile(
    r"\b(?P<of>spark\.\w+\.resource\.[\w-]+)\.amount(?:[ \t]*[=:][ \t]*|[ \t]+)\\*[\"']?"
    r"(?P<value>\d{1,18})\b"
)
_SELECTED: Final = re.compile(
    r"\bspark\.kubernetes\.(?:\w+\.)?node\.selector\.(?P<name>[\w.-]+/[\w.-]+)"
    r"(?:[ \t]*[=:][ \t]*|[ \t]+)\\*[\"']?(?P<value>[\w.-]*)"
)
_SPARK: Final = "spark."
_POINTER: Final = re.compile(r"/(?:limits|requests)/(?P<name>[A-Za-z0-9.-]+~1[A-Za-z0-9._-]+)")
"""A JSON Pointer to a request. Source: RFC 6901."""
_QUOTED: Final = re.compile(r"[\"'](?P<name>[A-Za-z0-9.-]+/[A-Za-z0-9._-]+)[\"']")
_ASKING: Final = ("limits", "requests", "hard")
"""A text without any of these words asks for nothing."""
_ESCAPED: Final = re.compile(r"[a-z0-9-]+(?:\\*\.[a-z0-9-]+)+/[A-Za-z0-9][A-Za-z0-9_-]*")
_SCRIPTED: Final = ("kubectl", "allocatable")
"""What a line of a script holds that asks a cluster for a resource."""
_LOOK_BACK: Final = 12
_LONGEST: Final = 2000
_TRAILING: Final = re.compile(r"\s+#.*$")


def in_lines(
    lines: list[str],
    first: int,
    shape: Shape,
    manifest: Manifest,
    rules: tuple[Rule, ...],
    like: re.Pattern[str] | None = None,
) -> Iterator[Finding]:
    """One finding for every line that asks for a device; the first line has the number `first`.

    `like` is what the beginning of a line must be like, where not all of them count. People write
    of resources in comments and pages: there a request has to stand as one.
    """
    is_prose = shape in {"comment", "text"}
    for number, line in enumerate(lines):
        if "/" not in line and _SPARK not in line:
            continue
        if like is not None and not like.match(line):
            continue
        for name, quantity, column in _asked(lines, number, rules, is_prose=is_prose):
            if not kube.is_device_bound(name):
                continue
            match = ruleset.resource(rules, name)
            yield Finding(
                usage="container",
                manifest=manifest,
                field=(),
                resource=name,
                quantity=quantity,
                rule=match.rule.name if match else "",
                line=first + number,
                column=column + 1,
                shape=shape,
            )
        for name, value, column, rule in _selected(line, rules):
            yield Finding(
                usage="placement",
                manifest=manifest,
                field=(),
                resource=name,
                quantity=value,
                rule=rule,
                line=first + number,
                column=column + 1,
                shape=shape,
            )


def _asked(
    lines: list[str], number: int, rules: tuple[Rule, ...], *, is_prose: bool
) -> Iterator[tuple[str, str, int]]:
    """The resources that a line asks for, with quantity and column from 0.

    Shape: below limits or requests any resource, and elsewhere those that a rule knows.
    """
    line = lines[number]
    if len(line) > _LONGEST:
        return
    found = _KEY.match(line)
    if found and any(
        _is_below_a_request(lines, number, depth) for depth in _depths(line, len(found["indent"]))
    ):
        quantity = _TRAILING.sub("", found["value"]).strip().strip("\"'")
        yield found["name"], quantity, len(found["indent"])
        return
    for counted in _COUNTED.finditer(line):
        is_asked = not is_prose or _ASKED.search(line, 0, counted.start())
        if is_asked and ruleset.resource(rules, counted["name"]):
            yield counted["name"], counted["value"], counted.start("name")
    for pointer in _POINTER.finditer(line):
        yield pointer["name"].replace("~1", "/"), "", pointer.start("name")
    for said in _SET.finditer(line):
        yield said["name"].replace("\\", ""), said["value"] or "", said.start("name")
    for vendor in _VENDOR.finditer(line) if _SPARK in line else ():
        name = f"{vendor['domain']}/{vendor['name']}"
        if ruleset.resource(rules, name):
            yield name, _amount(lines, number, vendor["of"]), vendor.start()


def _amount(lines: list[str], number: int, of: str) -> str:
    """How much Spark is to ask for in the lines around this one, "" where they do not say."""
    around = lines[max(0, number - _LOOK_BACK) : number + _LOOK_BACK]
    found = (each for line in around for each in _AMOUNT.finditer(line, 0, _LONGEST))
    return next((each["value"] for each in found if each["of"] == of), "")


def _selected(line: str, rules: tuple[Rule, ...]) -> Iterator[tuple[str, str, int, str]]:
    """The labels that go with the plugin by which Spark chooses nodes: value, column, rule."""
    if _SPARK not in line or len(line) > _LONGEST:
        return
    for found in _SELECTED.finditer(line):
        for rule, label in ruleset.label(rules, found["name"]):
            if label.writer == "plugin":
                yield found["name"], found["value"], found.start("name"), rule.name
                break


def _depths(line: str, indent: int) -> tuple[int, ...]:
    """How deep a line may be meant to stand: of a comment, before or after its `#`."""
    mark = line.find("#", 0, indent)
    return (indent,) if mark < 0 else (indent, mark, indent - 1, indent - 2)


def _is_below_a_request(lines: list[str], number: int, indent: int) -> bool:
    """Whether the nearest shallower line above opens limits, requests or a quota."""
    for line in reversed(lines[max(0, number - _LOOK_BACK) : number]):
        depth = len(line) - len(line.lstrip(" #-"))
        if line.strip(" #-") and depth < indent:
            return bool(_ABOVE.match(line))
    return False


def in_comments(
    source: str, manifest: Manifest, rules: tuple[Rule, ...], seen: frozenset[int]
) -> Iterator[Finding]:
    """Requests that are commented out; `seen` are lines already told of."""
    if not _is_asking(source):
        return
    lines = source.splitlines()
    for finding in in_lines(lines, 1, "comment", manifest, rules, _COMMENT):
        if finding.line not in seen:
            yield finding


def _is_asking(text: str) -> bool:
    return any(word in text for word in _ASKING)


def quoted(code: str) -> tuple[str, ...]:
    """The names of resources that template code has in quotes."""
    return tuple(found["name"] for found in _QUOTED.finditer(code))


def in_code(
    text: Text, manifest: Manifest, rules: tuple[Rule, ...], seen: frozenset[int]
) -> Iterator[Finding]:
    """Names of resources inside template code, where it puts a request together."""
    for start, end in text.masked:
        for found in _QUOTED.finditer(text.source, start, end):
            match = ruleset.resource(rules, found["name"])
            line = text.source.count("\n", 0, found.start()) + 1
            if match is None or line in seen:
                continue
            yield Finding(
                usage="container",
                manifest=manifest,
                field=(),
                resource=found["name"],
                quantity="",
                rule=match.rule.name,
                line=line,
                column=found.start("name") - text.source.rfind("\n", 0, found.start()),
                shape="text",
            )


def _in_script(
    field: Field, lines: list[str], manifest: Manifest, rules: tuple[Rule, ...]
) -> Iterator[Finding]:
    """Resources that a script asks the cluster for, dots escaped or not."""
    for number, line in enumerate(lines):
        if len(line) > _LONGEST or not any(word in line for word in _SCRIPTED):
            continue
        for found in _ESCAPED.finditer(line):
            match = ruleset.resource(rules, found[0].replace("\\", ""))
            if match:
                yield Finding(
                    usage="container",
                    manifest=manifest,
                    field=field,
                    resource=found[0].replace("\\", ""),
                    quantity="",
                    rule=match.rule.name,
                    line=number,
                    column=found.start() + 1,
                    shape="text",
                )


def in_strings(source: str, manifest: Manifest, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """Requests inside string values, and strings that are a resource's name.

    Shape: `source` is the text that the manifest was read from.
    """
    for field, value in fields(manifest.body):
        if not isinstance(value, str) or ("/" not in value and _SPARK not in value):
            continue
        if texts.is_example(manifest, field):
            continue
        if _may_ask(field, value):
            yield from _in_string(source, field, value, manifest, rules)
        elif isinstance(field[-1], str) and field[-1] != "name" and kube.is_device_bound(value):
            match = ruleset.resource(rules, value)
            bounds = kube.spot(manifest.group, manifest.kind, field)
            if match and bounds is None and field[-1] != "key" and not _is_asked(manifest, field):
                line, column = manifest.position(field)
                yield Finding(
                    usage="container",
                    manifest=manifest,
                    field=field,
                    resource=value,
                    quantity="",
                    rule=match.rule.name,
                    line=line,
                    column=column,
                    shape="value",
                )


def _may_ask(field: Field, value: str) -> bool:
    """Whether a string is worth a look at each of its lines."""
    if _COUNT.search(value) or _SPARK in value:
        return True
    if "\n" not in value:
        return "~1" in value and field[-1] != "path"
    return _is_asking(value) or any(word in value for word in _SCRIPTED)


def _in_string(
    source: str, field: Field, value: str, manifest: Manifest, rules: tuple[Rule, ...]
) -> Iterator[Finding]:
    """What the lines of a string ask for, at their places in the text around it."""
    positions = manifest.positions
    string = None
    if isinstance(positions, yamltext.Document | yamltext.Inside):
        string = yamltext.string(source, positions, (*manifest.origin.within, *field))
    text = string.text if string else value
    lines = text.splitlines(keepends=True)
    starts = list(accumulate(map(len, lines), initial=0))
    found = [*in_lines(lines, 0, "embedded", manifest, rules)]
    if "\n" in value:
        told = {(finding.line, finding.resource) for finding in found}
        scripted = _in_script(field, lines, manifest, rules)
        found += [f for f in scripted if (f.line, f.resource) not in told]
    for finding in found:
        place = string.place(starts[finding.line] + finding.column - 1) if string else None
        line, column = place or manifest.position(field)
        yield replace(finding, field=field, line=line, column=column)


def _is_asked(manifest: Manifest, field: Field) -> bool:
    """Whether the value is, or names, what the object asks for in a word of its kind."""
    if not kube.has_shorthands(manifest.group, manifest.kind):
        return False
    beside = at(manifest.body, field[:-1])
    return any(
        kube.shorthand(manifest.group, manifest.kind, manifest.body, (*field[:-1], key))
        for key in (beside if isinstance(beside, dict) else ())
    )
