"""Quotas, queues, pools and schedulers that name an extended resource, or a label of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate import kube
from migrate.model import Entries, Field, Finding, Label, Manifest, Rule, as_text, at
from migrate.read import ruleset


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every name at one place that bounds, or chooses, without asking."""
    group, kind = manifest.group, manifest.kind
    known = kube.bound(group, kind)
    for field, value in entries:
        spot = kube.spot(group, kind, field) if known else None
        if spot is None and not _is_hard(field, value):
            continue
        for name in spot.named(field, value) if spot else (str(field[-1]),):
            if known and name.startswith(known.ignores or "\0"):
                continue
            rule = _rule(name, spot, rules)
            # A name that only claims are charged to needs no plugin.
            is_settled = known and known.settles and field[: len(known.settles)] == known.settles
            if rule or (rule is not None and not is_settled):
                yield _finding(manifest, field, name, _amount(manifest, field, value, spot), rule)


def unsettled(
    manifests: Iterable[Manifest], found: Iterable[Finding], rules: tuple[Rule, ...]
) -> Iterator[Finding]:
    """One finding for every name that queues count and an object that settles it does not name.

    Shape: what such an object does not say is a dependence too, for without it no claim is
    charged to the name; it stands where it is to be said.
    """
    told = list(found)
    for manifest in manifests:
        known = kube.bound(manifest.group, manifest.kind)
        if known is None or not known.settles:
            continue
        own = kube.charged(manifest.body, known.settles).values()
        for name, rule in _counted(told, f"{manifest.group}/{manifest.kind}", rules).items():
            if name not in own:
                yield _finding(manifest, known.settles, name, "", rule)


def _counted(found: Iterable[Finding], settled_by: str, rules: tuple[Rule, ...]) -> dict[str, str]:
    """The resources that other objects count and a kind settles, and the rules that know them."""
    counted: dict[str, str] = {}
    for finding in found:
        bound = kube.bound(finding.manifest.group, finding.manifest.kind)
        if finding.usage == "quota" and bound and bound.settled_by == settled_by:
            match = ruleset.resource(rules, finding.resource)
            if match and match.resource.maps == "exact":
                counted[finding.resource] = match.rule.name
    return counted


def _finding(manifest: Manifest, field: Field, name: str, amount: str, rule: str) -> Finding:
    line, column = manifest.position(field)
    return Finding("quota", manifest, field, name, amount, rule, line, column)


def _is_hard(field: Field, value: Any) -> bool:
    """Whether the field stands in the `hard` map of a quota that some other object holds."""
    is_inside = len(field) > 1 and field[-2] == "hard" and field[0] != "status"
    return is_inside and isinstance(field[-1], str) and not isinstance(value, dict | list)


def _rule(name: str, spot: kube.Spot | None, rules: tuple[Rule, ...]) -> str | None:
    """The rule that knows the name, "" where none does, None where the name is no dependence."""
    if spot and spot.names == "prefix":
        return _begun(name, rules)
    if spot and spot.names != "resource":
        known = ruleset.label(rules, name)
        telling = [r.name for r, label in known if _tells(label, spot)]
        return telling[0] if telling else None
    if name in kube.CLAIM_COUNTS:
        return ""
    if not kube.is_device_bound(name):
        return None
    match = ruleset.resource(rules, name.removeprefix("requests.").removeprefix("limits."))
    return match.rule.name if match else ""


def _begun(prefix: str, rules: tuple[Rule, ...]) -> str | None:
    """The rule that maps most of the resources whose names begin so, None where none has one."""
    mapped: dict[str, int] = {}
    for rule in rules if prefix else ():
        for resource in rule.container.resources if rule.container else ():
            if (resource.name or resource.pattern.replace("\\", "")).startswith(prefix):
                mapped[rule.name] = mapped.get(rule.name, 0) + (resource.maps == "exact")
    return max(mapped, key=lambda name: mapped[name], default=None)


def _tells(label: Label, spot: kube.Spot) -> bool:
    """Whether a label is of the sort that the place is about."""
    if spot.names == "label":
        return label.writer == "plugin"
    return any(value.cel or value.device_class for value in label.values)


def _amount(manifest: Manifest, field: Field, value: Any, spot: kube.Spot | None) -> str:
    """How much is bounded, or which values are chosen, as the object says it."""
    if spot is None or (spot.is_key and not isinstance(value, dict)):
        return as_text(value)
    place = field if spot.is_key else field[:-1]
    beside = at(manifest.body, (*place, spot.amount)) if spot.amount else ""
    if isinstance(beside, list):
        return ", ".join(map(as_text, beside))
    return as_text(beside) if isinstance(beside, str | int | float) else ""
