"""Real files of many repositories, each of them planned as an estate of its own."""

from __future__ import annotations

from collections.abc import Iterable

from migrate import kube, translate
from migrate.model import Change, Finding, Manifest, Rule


def changes(
    findings: Iterable[Finding], rules: tuple[Rule, ...], objects: Iterable[Manifest]
) -> tuple[Change, ...]:
    """The changes of each top folder by itself: what one says of sharing is not said of others."""
    found: dict[str, list[Finding]] = {}
    held: dict[str, list[Manifest]] = {}
    for finding in findings:
        found.setdefault(_estate(finding.manifest), []).append(finding)
    for manifest in objects:
        held.setdefault(_estate(manifest), []).append(manifest)
    target, options = kube.target("1.34"), translate.Options()
    return tuple(
        change
        for estate, theirs in found.items()
        for change in translate.changes(
            tuple(theirs), rules, target, options, held.get(estate, [])
        ).changes
    )


def _estate(manifest: Manifest) -> str:
    return manifest.origin.path.partition("/")[0]
