"""Quotas that count an extended resource: found and explained."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.model import Change, Finding
from migrate.translate.context import Context

_WHY = (
    "claims are not charged to {name} before Kubernetes 1.36: beside it, bound "
    "<class>.deviceclass.resource.k8s.io/devices before the first workload moves"
)
_WHY_BRIDGED = (
    "with DRAExtendedResource, claims of a class that carries an extended resource's name are "
    "charged to {name} as well; bound <class>.deviceclass.resource.k8s.io/devices for the others"
)


def changes(findings: Iterable[Finding], context: Context) -> tuple[Change, ...]:
    """One change for the administrator per bound.

    Source: Kubernetes `pkg/quota/v1/evaluator/core/resource_claims.go`.
    """
    why = _WHY_BRIDGED if "DRAExtendedResource" in context.target.gates else _WHY
    return tuple(
        Change(
            phase="prepare",
            manifest=finding.manifest,
            findings=(finding,),
            why=why.format(name=finding.resource),
            before=(f"{finding.resource}: {finding.quantity}",),
        )
        for finding in findings
    )
