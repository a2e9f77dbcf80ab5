"""What a pod owes to the plugin's runtime: kept, and said what it means under DRA."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.model import Finding, Marker, Rule
from migrate.read import ruleset
from migrate.translate.context import because

_SECTIONS = {
    "env": "env",
    "runtimeClassName": "runtime_classes",
    "schedulerName": "schedulers",
    "hostPath": "host_paths",
    "annotations": "annotations",
}
_OF_VALUES = frozenset({"runtime_classes", "schedulers", "host_paths"})
"""Sections whose markers are values, and not keys."""


def said(findings: Iterable[Finding], rules: tuple[Rule, ...]) -> tuple[tuple[str, bool], ...]:
    """A sentence for every marker, and whether it is a danger next to a claim."""
    return tuple(
        {
            _sentence(finding, marker): marker.warns and finding.quantity not in marker.values
            for finding, marker in _markers(findings, rules)
        }.items()
    )


def parts(findings: Iterable[Finding], rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """Why the pod's counts are shares, or are chosen as no claim can say, a sentence each."""
    return tuple(
        dict.fromkeys(
            _sentence(finding, marker)
            for finding, marker in _markers(findings, rules)
            if marker.part and finding.quantity not in marker.values
        )
    )


def _markers(
    findings: Iterable[Finding], rules: tuple[Rule, ...]
) -> Iterator[tuple[Finding, Marker]]:
    for finding in findings:
        section = next((s for part, s in _SECTIONS.items() if part in finding.field), "")
        name = finding.quantity if section in _OF_VALUES else finding.resource
        known = ruleset.marker(rules, section, name) if section else None
        if known:
            yield finding, known[1]


def _sentence(finding: Finding, marker: Marker) -> str:
    value = f"={finding.quantity}" if finding.quantity else ""
    why = marker.values.get(finding.quantity, marker.why)
    return because(f"{finding.resource}{value}", why)
