"""Node labels that the plugin's stack writes, where pods are placed or kept together by them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from migrate import kube
from migrate.model import ABSENT, Entries, Field, Finding, Manifest, Rule, as_text
from migrate.read import ruleset

_SELECTORS: Final = frozenset({"nodeSelector", "node_selector", "nodeSelectors"})
_KEYS: Final = frozenset({"topologyKey", "operator", "op", "value"})
"""What a mapping has at least one of that places pods itself."""
_ENTRIES: Final = _SELECTORS | {"annotations"}
_TERMS: Final = frozenset({"nodeSelectorTerms", "preference", "node_affinity_required"})


@dataclass(frozen=True, slots=True)
class _Placed:
    """A label that pods are placed by: what is said of it and where; `note` is what follows."""

    label: str
    said: str
    field: Field
    note: str = ""


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every selector, expression or topology on a label that will vanish."""
    placed = [
        p for field, value in entries if _may_place(field, value) for p in _placed(field, value)
    ]
    if kube.has_shorthands(manifest.group, manifest.kind):
        placed += _shorthands(manifest, entries)
    for each in placed:
        known = [r for r, label in ruleset.label(rules, each.label) if label.writer == "plugin"]
        if not known:
            continue
        line, column = manifest.position(each.field)
        yield Finding(
            usage="placement",
            manifest=manifest,
            field=each.field,
            resource=each.label,
            quantity=each.said,
            rule=known[0].name,
            line=line,
            column=column,
            note=each.note,
        )


def _may_place(field: Field, value: Any) -> bool:
    """Whether a field is of those that are looked at closer: mappings, and entries of some maps."""
    if isinstance(value, dict):
        return not _KEYS.isdisjoint(value)
    return not isinstance(value, list) and not _ENTRIES.isdisjoint(field[-2:-1])


def _shorthands(manifest: Manifest, entries: Entries) -> Iterator[_Placed]:
    """The labels by which the object chooses nodes in words of its kind."""
    for field, value in entries:
        if label := kube.selected(manifest.group, manifest.kind, field):
            yield _Placed(label, as_text(value), field)


def _placed(field: Field, value: Any) -> Iterator[_Placed]:
    """The label and what is said of it, if this field places a pod by one; and where it is said."""
    if topology := kube.topology(field, value):
        place = (*field, "topologyKey") if isinstance(value, dict) else field
        yield _Placed(topology.key, f"topologyKey ({topology.form})", place)
    if not isinstance(value, dict):
        if isinstance(field[-1], str) and field[-2] in _SELECTORS:
            yield _Placed(field[-1], as_text(value), field)
        return
    label = value.get("key")
    if "operator" in value and _TERMS.intersection(field) and isinstance(label, str):
        yield _Placed(label, expression(value["operator"], value.get("values")), field)
    if found := kube.assignment(value):
        yield from _assigned(field, found)


def _assigned(field: Field, found: kube.Assignment) -> Iterator[_Placed]:
    """The entries of selectors that are set elsewhere: one by its own name, or a map of them."""
    *above, last = found.path or ("",)
    if above and above[-1] in _SELECTORS:
        place = (*field, found.key)
        if found.value is ABSENT:
            yield _Placed(last, found.done, place, found.why)
        else:
            yield _Placed(last, as_text(found.value), place)
    elif last in _SELECTORS and isinstance(found.value, dict):
        for label, said in found.value.items():
            yield _Placed(label, as_text(said), (*field, "value", label))


def expression(operator: Any, values: Any) -> str:
    """An affinity expression's operator and values as one line: `In A, B`, `Exists`."""
    if isinstance(values, list) and values:
        return f"{operator} {', '.join(map(str, values))}"
    return str(operator)
