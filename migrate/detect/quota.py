"""Quotas, ranges and pool limits that count an extended resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from migrate import kube
from migrate.model import Entries, Field, Finding, Manifest, Rule, as_text
from migrate.read import ruleset

_RANGES: Final = frozenset({"max", "min", "default", "defaultRequest", "maxLimitRequestRatio"})


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every resource name under one bound."""
    for field, value in entries:
        key = field[-1]
        if isinstance(key, int) or isinstance(value, dict | list) or not _is_bound(field):
            continue
        name = key.removeprefix("requests.").removeprefix("limits.")
        if not kube.is_device_resource(name):
            continue
        match = ruleset.resource(rules, name)
        line, column = manifest.position(field)
        yield Finding(
            usage="quota",
            manifest=manifest,
            field=field,
            resource=key,
            quantity=as_text(value),
            rule=match.rule.name if match else "",
            line=line,
            column=column,
        )


def _is_bound(field: Field) -> bool:
    """Whether the field stands in a map that bounds a namespace, a container or a pool of nodes.

    Source: core/v1 ResourceQuota `spec.hard`, also inside tenant profiles; LimitRange
    `spec.limits[]`; node pools' `spec.limits`.
    """
    if len(field) < 2:
        return False
    if field[-2] == "hard" or (field[:2] == ("spec", "limits") and len(field) == 3):
        return True
    return field[:2] == ("spec", "limits") and field[-2] in _RANGES
