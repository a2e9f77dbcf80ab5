"""Sharing set up in a device plugin: what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.model import Change, Finding
from migrate.translate.context import Context


def changes(findings: Iterable[Finding], _: Context) -> tuple[Change, ...]:
    """One change for the administrator per setting."""
    return tuple(
        Change(
            phase="retire",
            manifest=finding.manifest,
            findings=(finding,),
            why=finding.note,
            before=(f"{finding.quantity} of {finding.resource}",),
        )
        for finding in findings
    )


def shared(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The resources, and the rules, whose counts no longer mean whole devices."""
    found: dict[str, Finding] = {}
    for finding in findings:
        found.setdefault(finding.resource, finding)
        found.setdefault(finding.rule, finding)
    return found
