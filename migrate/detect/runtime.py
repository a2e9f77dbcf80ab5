"""What ties a pod to a plugin: variables, runtime classes, paths, annotations, schedulers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from migrate.model import Entries, Field, Finding, Manifest, Rule, as_text
from migrate.read import ruleset

_KEYS: Final = frozenset({"runtimeClassName", "schedulerName", "path", "hostPath"})
_MAPS: Final = frozenset({"env", "annotations"})

_NAMED: Final = {
    "runtime_classes": "runtimeClassName",
    "schedulers": "schedulerName",
    "host_paths": "hostPath",
}
"""What a value is told of by, where its own name is not a key."""


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every marker that a rule knows."""
    for field, value in entries:
        if field[-1] not in _KEYS and not _MAPS.intersection(field[-2:-1]):
            continue
        for section, at, name, said in _marks(field, value):
            known = ruleset.marker(rules, section, name)
            if known is None:
                continue
            rule, _ = known
            line, column = manifest.position(at)
            yield Finding(
                usage="runtime",
                manifest=manifest,
                field=at,
                resource=_NAMED.get(section, name),
                quantity=said,
                rule=rule.name,
                line=line,
                column=column,
            )


def _marks(field: Field, value: Any) -> Iterator[tuple[str, Field, str, str]]:
    """The rule section, field, name and value of what stands here, if it can be a marker."""
    key, above = field[-1], field[-2] if len(field) > 1 else ""
    if above == "env" and isinstance(key, int) and isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str):
            yield "env", (*field, "name"), name, _said(value.get("value", ""))
    elif above == "env" and isinstance(key, str):
        yield "env", field, key, _said(value)
    elif key == "runtimeClassName" and isinstance(value, str):
        yield "runtime_classes", field, value, value
    elif key == "schedulerName" and isinstance(value, str) and "profiles" not in field:
        # A profile of a scheduler's own configuration says what the scheduler is called.
        yield "schedulers", field, value, value
    elif key == "path" and above == "hostPath" and isinstance(value, str):
        yield "host_paths", field, value, value
    elif key == "hostPath" and isinstance(value, str):
        # So charts name it in their values.
        yield "host_paths", field, value, value
    elif above == "annotations" and isinstance(key, str):
        yield "annotations", field, key, _said(value)


def _said(value: Any) -> str:
    return "" if isinstance(value, dict | list) or value is None else as_text(value)
