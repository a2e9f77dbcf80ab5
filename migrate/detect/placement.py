"""Node labels that the plugin's stack writes, where pods are placed or kept together by them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from migrate import kube
from migrate.model import Entries, Field, Finding, Manifest, Rule, as_text
from migrate.read import ruleset

_SELECTORS: Final = frozenset({"nodeSelector", "node_selector", "nodeSelectors"})
_POINTER: Final = re.compile(rf"/(?:{'|'.join(sorted(_SELECTORS))})/(?P<name>[^/]+)$")
"""A JSON Pointer to an entry of a selector. Source: RFC 6901."""
_TERMS: Final = frozenset({"nodeSelectorTerms", "preference", "node_affinity_required"})


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every selector, expression or topology on a label that will vanish."""
    for field, value in entries:
        if not isinstance(value, dict) and (
            isinstance(value, list) or _SELECTORS.isdisjoint(field[-2:-1])
        ):
            continue
        for key, quantity, place in _placed(field, value):
            known = [rule for rule, label in ruleset.label(rules, key) if label.writer == "plugin"]
            if not known:
                continue
            line, column = manifest.position(place)
            yield Finding(
                usage="placement",
                manifest=manifest,
                field=place,
                resource=key,
                quantity=quantity,
                rule=known[0].name,
                line=line,
                column=column,
            )


def _placed(field: Field, value: Any) -> Iterator[tuple[str, str, Field]]:
    """The label and what is said of it, if this field places a pod by one; and where it is said."""
    if not isinstance(value, dict):
        if isinstance(field[-1], str):
            yield field[-1], as_text(value), field
        return
    label, path = value.get("key"), value.get("path")
    if "operator" in value and _TERMS.intersection(field) and isinstance(label, str):
        yield label, expression(value["operator"], value.get("values")), field
    if topology := kube.topology(field, value):
        yield topology.key, f"topologyKey ({topology.form})", (*field, "topologyKey")
    if "op" in value and isinstance(path, str) and (pointer := _POINTER.search(path)):
        name = pointer["name"].replace("~1", "/").replace("~0", "~")
        yield name, as_text(value.get("value", value["op"])), (*field, "path")


def expression(operator: Any, values: Any) -> str:
    """An affinity expression's operator and values as one line: `In A, B`, `Exists`."""
    if isinstance(values, list) and values:
        return f"{operator} {', '.join(map(str, values))}"
    return str(operator)
