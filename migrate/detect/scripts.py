"""Requests and labels in strings that are no YAML and make pods nevertheless; never edited."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import Final

from migrate import kube, yamltext
from migrate.model import Field, Finding, Manifest, Rule, fields
from migrate.read import ruleset

_NAMED: Final = re.compile(
    r"(?<![\w./-])(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*/[A-Za-z0-9][\w.-]*)\\?[\"']?"
    r"[ \t]*[:=][ \t]*(?P<value>\\?\"[^\"\n]{0,63}\"|'[^'\n]{0,63}'|[^\s,}\]]{1,63})"
)
"""A name with its value, as YAML, JSON, TOML and Python write them."""
_COMMENT: Final = re.compile(r"[ \t]*#")
_LONGEST: Final = 2000


Place = tuple[str, int, Field]
"""A string: the file, the number of the document, and the way there."""


def place(manifest: Manifest, field: Field) -> Place:
    """Where a field of an object stands, or of one in a string."""
    origin = manifest.origin
    return origin.path, origin.document, (*origin.within, *field)


def findings(
    source: str, manifest: Manifest, rules: tuple[Rule, ...], parsed: Container[Place]
) -> Iterator[Finding]:
    """One finding for every resource and label by its word.

    Shape: `source` is the outermost text; `parsed` are the strings that are YAML.
    """
    for field, value in fields(manifest.body):
        is_text = isinstance(value, str) and "/" in value
        if is_text and (script := kube.script(value)) and place(manifest, field) not in parsed:
            yield from _in_script(source, manifest, field, script, rules)


def _in_script(
    source: str, manifest: Manifest, field: Field, script: kube.Script, rules: tuple[Rule, ...]
) -> Iterator[Finding]:
    positions = manifest.positions
    if not isinstance(positions, yamltext.Document | yamltext.Inside):
        return
    string = yamltext.string(source, positions, (*manifest.origin.within, *field))
    if string is None:
        return
    word, end = "", 0
    for line in string.text.splitlines(keepends=True):
        begin, end = end, end + len(line)
        if len(line) > _LONGEST or _COMMENT.match(line):
            continue
        turns = script.turns(line.rstrip("\r\n"))
        for found in _NAMED.finditer(line):
            above = [said for start, said in turns if start < found.start()]
            word_here = above[-1] if above else word
            is_asked = word_here in script.asks
            rule = _rule(found["name"], rules, is_asked=is_asked) if word_here else ""
            if rule:
                at = string.place(begin + found.start("name")) or manifest.position(field)
                yield Finding(
                    usage="container" if is_asked else "placement",
                    manifest=manifest,
                    field=field,
                    resource=found["name"],
                    quantity=found["value"].strip("\\\"'"),
                    rule=rule,
                    line=at[0],
                    column=at[1],
                    shape="bare",
                    note=script.why,
                )
        word = turns[-1][1] if turns else word


def _rule(name: str, rules: tuple[Rule, ...], *, is_asked: bool) -> str:
    """The rule that knows a resource, or a label that will vanish; "" where none does."""
    if is_asked:
        match = ruleset.resource(rules, name)
        return match.rule.name if match else ""
    known = (rule.name for rule, label in ruleset.label(rules, name) if label.writer == "plugin")
    return next(known, "")
