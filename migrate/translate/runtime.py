"""What a pod owes to the plugin's runtime: kept, and said what it means under DRA."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.model import Finding, Rule
from migrate.read import ruleset
from migrate.translate.context import because

_SECTIONS = {
    "env": "env",
    "runtimeClassName": "runtime_classes",
    "hostPath": "host_paths",
    "annotations": "annotations",
}


def said(findings: Iterable[Finding], rules: tuple[Rule, ...]) -> tuple[tuple[str, bool], ...]:
    """A sentence for every marker, and whether it is a danger next to a claim."""
    sentences: dict[str, bool] = {}
    for finding in findings:
        section = next((s for part, s in _SECTIONS.items() if part in finding.field), "")
        is_value = section in {"runtime_classes", "host_paths"}
        name = finding.quantity if is_value else finding.resource
        known = ruleset.marker(rules, section, name)
        if known is None:
            continue
        _, marker = known
        why = marker.values.get(finding.quantity)
        value = f"={finding.quantity}" if finding.quantity else ""
        sentence = because(f"{finding.resource}{value}", why or marker.why)
        sentences[sentence] = marker.warns and why is None
    return tuple(sentences.items())
