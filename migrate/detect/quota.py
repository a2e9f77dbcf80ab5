"""Quotas, queues, pools and schedulers that name an extended resource, or a label of its nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate import kube
from migrate.model import Entries, Field, Finding, Label, Manifest, Rule, as_text, at
from migrate.read import ruleset


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every name at one place that bounds, or chooses, without asking."""
    group, kind = manifest.group, manifest.kind
    known = kube.bound(group, kind) is not None
    for field, value in entries:
        spot = kube.spot(group, kind, field) if known else None
        if spot is None and not _is_hard(field, value):
            continue
        name = field[-1] if spot is None or spot.is_key else value
        if not isinstance(name, str) or (spot and spot.is_key and isinstance(value, dict | list)):
            continue
        rule = _rule(name, spot, rules)
        if rule is None:
            continue
        line, column = manifest.position(field)
        yield Finding(
            usage="quota",
            manifest=manifest,
            field=field,
            resource=name,
            quantity=_amount(manifest, field, value, spot),
            rule=rule,
            line=line,
            column=column,
        )


def _is_hard(field: Field, value: Any) -> bool:
    """Whether the field stands in the `hard` map of a quota that some other object holds."""
    is_inside = len(field) > 1 and field[-2] == "hard" and field[0] != "status"
    return is_inside and not isinstance(value, dict | list)


def _rule(name: str, spot: kube.Spot | None, rules: tuple[Rule, ...]) -> str | None:
    """The rule that knows the name, "" where none does, None where the name is no dependence."""
    if spot and spot.names != "resource":
        known = ruleset.label(rules, name)
        telling = [r.name for r, label in known if _tells(label, spot)]
        return telling[0] if telling else None
    if name in kube.CLAIM_COUNTS:
        return ""
    plain = name.removeprefix("requests.").removeprefix("limits.")
    if name.endswith(kube.CLASS_QUOTA) or not kube.is_device_resource(plain):
        return None
    match = ruleset.resource(rules, plain)
    return match.rule.name if match else ""


def _tells(label: Label, spot: kube.Spot) -> bool:
    """Whether a label is of the sort that the place is about."""
    if spot.names == "label":
        return label.writer == "plugin"
    return any(value.cel or value.device_class for value in label.values)


def _amount(manifest: Manifest, field: Field, value: Any, spot: kube.Spot | None) -> str:
    """How much is bounded, or which values are chosen, as the object says it."""
    if spot is None or spot.is_key:
        return as_text(value)
    beside = at(manifest.body, (*field[:-1], spot.amount)) if spot.amount else ""
    if isinstance(beside, list):
        return ", ".join(map(as_text, beside))
    return as_text(beside) if isinstance(beside, str | int | float) else ""
