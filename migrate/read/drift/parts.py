"""Where rules no longer agree with an operator's own kinds and values, and what they switch off."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from migrate.model import Field, Manifest, Part, Rule, as_text, at
from migrate.read.drift.difference import Drift, Extent, texts

_DEFINITIONS: Final = "apiextensions.k8s.io"
_SCHEMA: Final = ("openAPIV3Schema",)
_TYPES: Final = {bool: ("boolean",), int: ("integer", "number"), str: ("string",)}

_Switched = tuple[Manifest, Rule, Part]


def is_named(manifest: Manifest, rules: Sequence[Rule]) -> bool:
    """Whether it defines a kind of a group that a rule names."""
    is_definition = manifest.group == _DEFINITIONS and manifest.kind == "CustomResourceDefinition"
    return is_definition and _owner(_kind(manifest), rules) is not None


def of_definitions(
    definitions: Sequence[Manifest], rules: Sequence[Rule], extent: Callable[[Manifest], Extent]
) -> Iterator[Drift]:
    """Kinds that no rule mentions, kinds that are gone, and switches that their schemas lack."""
    for manifest in definitions:
        kind = _kind(manifest)
        named = [(rule, part) for rule, part in _parts(rules) if kind in part.kinds]
        for rule, part in named:
            for key, value in part.disabled_by.items():
                yield from _of_switch(manifest, rule, key, value)
        owner = _owner(kind, rules)
        if owner and not named and not _is_mentioned(kind.partition("/")[2], rules):
            field = ("spec", "names", "kind")
            yield Drift("info", owner.name, manifest, field, f"no rule mentions {kind}")
    there = {_kind(each) for each in definitions}
    whole = [each for each in definitions if extent(each) in {"rendering", "chart"}]
    for rule, part in _parts(rules):
        for kind in part.kinds:
            group = kind.partition("/")[0]
            beside = [each for each in whole if _kind(each).partition("/")[0] == group]
            if kind not in there and beside:
                what = f"{kind} is not among the kinds of its group that the chart brings"
                yield Drift("info", rule.name, beside[0], ("spec", "group"), what)


def values(manifests: Iterable[Manifest], rules: Sequence[Rule]) -> tuple[_Switched, ...]:
    """The values of each chart that a rule knows by its name and switches off."""
    documents = {each.origin.path: each for each in manifests if not each.kind}
    found = []
    for path, document in documents.items():
        folder, name = os.path.split(path)
        beside = documents.get(os.path.join(folder, "values.yaml"))
        if name != "Chart.yaml" or beside is None:
            continue
        # A chart that wraps another of the same name keeps the other's values a level below.
        held = at(document.body, ("dependencies",))
        wraps = [at(each, ("name",)) for each in held] if isinstance(held, list) else []
        for rule, part in _parts(rules):
            chart = at(document.body, ("name",))
            if part.disabled_by and chart in part.charts and chart not in wraps:
                found.append((beside, rule, part))
    return tuple(found)


def of_values(switched: Iterable[_Switched]) -> Iterator[Drift]:
    """What switches a part off and is no longer among its chart's values, or is of another type."""
    for manifest, rule, part in switched:
        for key, value in part.disabled_by.items():
            yield from _of_value(manifest, rule, key, value)


def _of_value(manifest: Manifest, rule: Rule, key: str, value: bool | int | str) -> Iterator[Drift]:
    field: Field = ()
    for step in key.split("."):
        held = at(manifest.body, field)
        # An empty value stands for all that people may write there.
        if held is None or held == {}:
            return
        if not isinstance(held, Mapping) or step not in held:
            what = f"the chart's values have no {key}, by which the rule switches a part off"
            yield Drift("drift", rule.name, manifest, field, what)
            return
        field = (*field, step)
    found = at(manifest.body, field)
    if found is not None and type(found) is not type(value):
        what = f"{key} is {as_text(found)} here; the rule sets it to {as_text(value)}"
        yield Drift("drift", rule.name, manifest, field, what)


def _of_switch(
    manifest: Manifest, rule: Rule, key: str, value: bool | int | str
) -> Iterator[Drift]:
    """Where the schemas of a kind have no such field, or one that takes no such value."""
    schemas = dict(_schemas(manifest))
    missing = {
        version: _missing(manifest.body, schema, key, value) for version, schema in schemas.items()
    }
    wrong = {version: each for version, each in missing.items() if each[1]}
    if not wrong:
        return
    field, what = next(iter(wrong.values()))
    told = f"spec.{key} of {_kind(manifest)} {what}"
    if len(wrong) < len(schemas):
        yield Drift("info", rule.name, manifest, field, f"{told} in {', '.join(wrong)}")
    else:
        yield Drift("drift", rule.name, manifest, field, told)


def _missing(body: Any, schema: Field, key: str, value: bool | int | str) -> tuple[Field, str]:
    """Where a schema stops having a field of the spec, and how; "" where it takes the value."""
    for step in ("spec", *key.split(".")):
        node = at(body, schema)
        more = at(node, ("additionalProperties",))
        if isinstance(at(node, ("properties", step)), Mapping):
            schema = (*schema, "properties", step)
        elif isinstance(more, Mapping):
            schema = (*schema, "additionalProperties")
        elif more is True or at(node, ("x-kubernetes-preserve-unknown-fields",)) is True:
            return (), ""
        else:
            return schema, f"is not there, for its schema has no {step}"
    node = at(body, schema)
    either, theirs = at(node, ("x-kubernetes-int-or-string",)), at(node, ("type",))
    types = ("integer", "string") if either is True else (theirs,)
    if isinstance(types[0], str) and not set(types) & set(_TYPES[type(value)]):
        return schema, f"is of type {' or '.join(types)}; the rule sets it to {as_text(value)}"
    enum = at(node, ("enum",))
    if isinstance(enum, list) and value not in enum:
        taken = ", ".join(map(as_text, enum))
        return schema, f"takes {taken}; the rule sets it to {as_text(value)}"
    return (), ""


def _schemas(manifest: Manifest) -> Iterator[tuple[str, Field]]:
    """Per version that is served, where its schema stands, if it has one."""
    versions = at(manifest.body, ("spec", "versions"))
    for number, version in enumerate(versions if isinstance(versions, list) else ()):
        place = ("spec", "versions", number, "schema", *_SCHEMA)
        if at(version, ("served",)) is not False and isinstance(at(manifest.body, place), Mapping):
            yield as_text(at(version, ("name",))), place
    # In v1beta1 one schema may stand for all versions.
    shared = ("spec", "validation", *_SCHEMA)
    if isinstance(at(manifest.body, shared), Mapping):
        yield "", shared


def _kind(manifest: Manifest) -> str:
    """The kind that is defined, `<group>/<Kind>`."""
    group = at(manifest.body, ("spec", "group"))
    kind = at(manifest.body, ("spec", "names", "kind"))
    return f"{group}/{kind}" if isinstance(group, str) and isinstance(kind, str) else ""


def _parts(rules: Iterable[Rule]) -> Iterator[tuple[Rule, Part]]:
    return ((rule, part) for rule in rules if rule.plugin for part in rule.plugin.parts)


def _owner(kind: str, rules: Sequence[Rule]) -> Rule | None:
    """The first rule that names the kind's group: by another kind, its driver, or what is above."""
    group = kind.partition("/")[0]
    for rule, part in _parts(rules):
        if any(each.partition("/")[0] == group for each in part.kinds):
            return rule
    by_driver = (r for r in rules if group and group in (r.driver, r.driver.partition(".")[2]))
    return next(by_driver, None)


def _is_mentioned(kind: str, rules: Sequence[Rule]) -> bool:
    """Whether a rule speaks of the kind by its bare name, be it in a sentence."""
    word = re.compile(rf"\b{re.escape(kind)}s?\b")
    return any(word.search(text) for rule in rules for text in texts(rule))
