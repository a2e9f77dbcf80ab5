"""Finding + Target → Change: what takes the place of each dependence, and how safely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from migrate import kube
from migrate.errors import PlanError
from migrate.model import Change, Finding, Manifest, Rule, Target, Usage
from migrate.translate import (
    carriers,
    container,
    dra,
    outside,
    plugin,
    pods,
    quota,
    telemetry,
    together,
)
from migrate.translate.context import Context, Options
from migrate.translate.pod import pod_of, would_do

_USAGES: Final[Mapping[Usage, Callable[[Sequence[Finding], Context], Iterable[Change]]]] = {
    "quota": quota.changes,
    "plugin": plugin.changes,
    "telemetry": telemetry.changes,
    "dra": dra.changes,
}
"""The usages that stand in no pod, and what makes their changes."""

__all__ = ["Options", "Translation", "changes"]


@dataclass(frozen=True, slots=True)
class Translation:
    """The changes, and how many of the pods that move would do with the bridge alone."""

    changes: tuple[Change, ...]
    pods: int
    countable: int


def changes(
    findings: tuple[Finding, ...],
    rules: tuple[Rule, ...],
    target: Target,
    options: Options,
    objects: Iterable[Manifest] = (),
    texts: Iterable[Finding] = (),
) -> Translation:
    """What becomes of every finding.

    Shape: `objects` are all that were read, whether anything is found; `texts` are the requests in
    texts that are not planned.

    Raises: PlanError if a finding is in no change, which is a defect of ours.
    """
    shared = plugin.shared([f for f in findings if f.usage == "plugin"], rules)
    objects = tuple(objects)
    sources = tuple(manifest for manifest in objects if kube.is_chart_source(manifest))
    context = Context(
        rules,
        target,
        options,
        shared,
        carriers.carriers(objects),
        sources,
        claimed=carriers.claimed(objects),
        texts={f.resource: f for f in reversed(tuple(texts))},
    )
    found = [
        pod_of(manifest, spec, own, context)
        for manifest, rest in _by_manifest(findings)
        for spec, own in _by_pod(manifest, rest)
    ]
    context = together.with_flavours(found, context)
    made = [change for pod in found for change in pods.changes(pod, context)]
    made = together.with_common(made)
    inside = {id(f) for pod in found for f in pod.findings}
    made += outside.changes([f for f in _loose(findings) if id(f) not in inside], context)
    made += together.bridges(found, context)
    context = together.with_users(found, made, context)
    context = replace(context, left=together.left(made), moved=together.moved(made))
    for name, translate in _USAGES.items():
        made += translate([f for f in findings if f.usage == name], context)
    told = {id(f) for change in made for f in change.findings}
    lost = [f for f in findings if id(f) not in told]
    if lost:
        where = f"{lost[0].manifest.origin.path}:{lost[0].line}"
        raise PlanError(f"{len(lost)} findings are in no change, the first at {where}")
    moving = [pod for pod in found if pod.counted and not pod.refused]
    return Translation(
        changes=tuple(sorted(made, key=_order)),
        pods=len(moving),
        countable=sum(map(would_do, moving)),
    )


def _by_manifest(findings: Iterable[Finding]) -> list[tuple[Manifest, list[Finding]]]:
    """The findings of pods, gathered by the object they stand in."""
    gathered: dict[int, tuple[Manifest, list[Finding]]] = {}
    for finding in _loose(findings):
        entry = gathered.setdefault(id(finding.manifest), (finding.manifest, []))
        entry[1].append(finding)
    return list(gathered.values())


def _by_pod(
    manifest: Manifest, findings: list[Finding]
) -> list[tuple[kube.PodSpec, tuple[Finding, ...]]]:
    """The pods of an object with the findings in them.

    Shape: what pods of a chart's values have in common is told of those in which there is more;
    where there is no more in any, of the first.
    """
    found = [
        (spec, own)
        for spec in kube.podspecs(manifest.body)
        for own in [container.of_pod(findings, spec)]
        if own
    ]
    known = [(s, own) for s, own in found if not all(s.is_common(f.field) for f in own)]
    return known or found[:1]


def _loose(findings: Iterable[Finding]) -> list[Finding]:
    return [f for f in findings if f.usage in {"container", "placement", "runtime"}]


def _order(change: Change) -> tuple[str, int, int, str]:
    first = change.findings[0]
    return first.manifest.origin.path, first.line, first.column, first.resource
