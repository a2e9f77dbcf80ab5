"""Node labels that the plugin's stack writes, where pods are placed by them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from migrate.model import Entries, Field, Finding, Manifest, Rule
from migrate.read import ruleset

_SELECTORS: Final = frozenset({"nodeSelector", "node_selector", "nodeSelectors"})
_TERMS: Final = frozenset({"nodeSelectorTerms", "preference", "node_affinity_required"})


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every selector entry or affinity expression on a label that will vanish."""
    for field, value in entries:
        if not isinstance(value, dict) and not _SELECTORS.intersection(field[-2:-1]):
            continue
        for key, quantity in _placed(field, value):
            known = [rule for rule, label in ruleset.label(rules, key) if label.writer == "plugin"]
            if not known:
                continue
            line, column = manifest.position(field)
            yield Finding(
                usage="placement",
                manifest=manifest,
                field=field,
                resource=key,
                quantity=quantity,
                rule=known[0].name,
                line=line,
                column=column,
            )


def _placed(field: Field, value: Any) -> Iterator[tuple[str, str]]:
    """The label key and its value, or operator and values, if this field places a pod by one."""
    key = field[-1]
    if len(field) > 1 and field[-2] in _SELECTORS and isinstance(key, str):
        if not isinstance(value, dict | list):
            yield key, str(value).lower() if isinstance(value, bool) else str(value)
    elif isinstance(value, dict) and "operator" in value and _TERMS.intersection(field):
        label, operator = value.get("key"), value["operator"]
        if isinstance(label, str):
            yield label, expression(operator, value.get("values"))


def expression(operator: Any, values: Any) -> str:
    """An affinity expression's operator and values as one line: `In A, B`, `Exists`."""
    if isinstance(values, list) and values:
        return f"{operator} {', '.join(map(str, values))}"
    return str(operator)
