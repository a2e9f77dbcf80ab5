"""Finding + Target → Change: what takes the place of each dependence, and how safely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from migrate import kube
from migrate.errors import PlanError
from migrate.model import Change, Creation, Finding, Manifest, Rule, Target, Usage
from migrate.translate import (
    carriers,
    claims,
    container,
    dra,
    outside,
    plugin,
    pods,
    quota,
    sharing,
    telemetry,
)
from migrate.translate.context import Context, Flavour, Options
from migrate.translate.pod import Pod, pod_of, would_do

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
) -> Translation:
    """What becomes of every finding; `objects` are all that were read, whether anything is found.

    Raises: PlanError if a finding is in no change, which is a defect of ours.
    """
    shared = plugin.shared([f for f in findings if f.usage == "plugin"], rules)
    objects = tuple(objects)
    sources = tuple(manifest for manifest in objects if kube.is_chart_source(manifest))
    context = Context(rules, target, options, shared, carriers.carriers(objects), sources)
    found = [
        pod_of(manifest, spec, own, context)
        for manifest, rest in _by_manifest(findings)
        for spec, own in _by_pod(manifest, rest)
    ]
    context = _with_flavours(found, context)
    made = [change for pod in found for change in pods.changes(pod, context)]
    made = _with_common(made)
    inside = {id(f) for pod in found for f in pod.findings}
    made += outside.changes([f for f in _loose(findings) if id(f) not in inside], context)
    made += _bridges(found, context)
    context = replace(_with_users(found, made, context), left=_left(made))
    for name, translate in _USAGES.items():
        made += translate([f for f in findings if f.usage == name], context)
    told = {id(f) for change in made for f in change.findings}
    lost = [f for f in findings if id(f) not in told]
    if lost:
        where = f"{lost[0].manifest.origin.path}:{lost[0].line}"
        raise PlanError(f"{len(lost)} findings are in no change, the first at {where}")
    moving = [pod for pod in found if pod.counted and not pod.asked.refused]
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


def _with_flavours(found: list[Pod], context: Context) -> Context:
    """The context with a DeviceClass for every flavour that should have one of its own."""
    if context.options.classes == "vendor" or context.options.strategy != "claim":
        return context
    users = Counter(f for pod in found if not pod.asked.refused for f in pod.flavours)
    least = 1 if context.options.classes == "flavour" else 2
    names: dict[Flavour, str] = {}
    creations: dict[str, Creation] = {}
    for pod in found:
        for request in pod.requests:
            key = (request.device_class, request.selectors)
            if key in names or users[key] < least or not request.selectors:
                continue
            creation = claims.flavour(context.target, request)
            names[key], creations[creation.name] = creation.name, creation
    return replace(context, flavours=names, creations=creations)


def _with_users(found: Iterable[Pod], made: Iterable[Change], context: Context) -> Context:
    """The context with every class that narrows another, and the namespaces of those who use it."""
    created = {c.name for change in made for c in change.creates if c.is_cluster_scoped}
    names: dict[Flavour, str] = {}
    users: dict[str, set[str]] = {}
    for pod in found:
        for request in pod.requests:
            key = (request.device_class, request.selectors)
            if not request.selectors:
                continue
            name = context.flavours.get(key) or claims.flavour(context.target, request).name
            if name in created:
                names[key] = name
                users.setdefault(name, set()).add(pod.owner[0])
    spaces = {name: frozenset(used) for name, used in users.items()}
    return replace(context, flavours=names, users=spaces)


def _left(made: Iterable[Change]) -> dict[str, tuple[Finding, ...]]:
    """Per extended resource, the requests for it in changes that are left to a person."""
    left: dict[str, tuple[Finding, ...]] = {}
    for change in made:
        for finding in change.findings if change.safety == "manual" else ():
            if finding.usage == "container":
                left[finding.resource] = (*left.get(finding.resource, ()), finding)
    return left


def _with_common(made: list[Change]) -> list[Change]:
    """The changes, with each claim that pods of several files name in a change before theirs."""
    users: dict[tuple[str, str], list[Change]] = {}
    for change in made:
        for creation in change.creates:
            if creation.kind == "ResourceClaim":
                users.setdefault((creation.namespace, creation.name), []).append(change)
    common = {
        key: changes
        for key, changes in users.items()
        if len({c.manifest.origin.path for c in changes if c.manifest}) > 1
    }
    if not common:
        return made
    parted = [
        replace(c, creates=tuple(n for n in c.creates if (n.namespace, n.name) not in common))
        for c in made
    ]
    return [*parted, *(_common(key, changes) for key, changes in common.items())]


def _common(key: tuple[str, str], users: Sequence[Change]) -> Change:
    """The claim that pods of several files name: none of them owns it, so it is made before."""
    namespace, name = key
    creation = next(c for c in users[0].creates if (c.namespace, c.name) == key)
    counts = (f for change in users for f in change.findings if f.usage == "container")
    where = (
        f"in namespace {namespace}"
        if namespace
        else "in the namespace of its pods, which their files do not tell: in each, if they differ"
    )
    return Change(
        phase="prepare",
        manifest=None,
        findings=tuple(counts),
        creates=(creation,),
        safety="review",
        strategy="claim",
        why=f"one claim for the pods of {len(users)} workloads",
        before=tuple(c.manifest.label for c in users if c.manifest),
        after=(f"{creation.kind} {name}",),
        notes=(f"it is to be made {where}",),
    )


def _bridges(found: Iterable[Pod], context: Context) -> list[Change]:
    """One change per resource whose name a DeviceClass can carry while workloads move."""
    is_served = kube.serves(context.target, "DRAExtendedResource")
    if context.options.strategy != "claim" or not is_served:
        return []
    asks = {a.resource: a for pod in found for a in pod.counted if not a.match.resource.share}
    return [
        Change(
            phase="bridge",
            manifest=None,
            findings=tuple(f for pod in found for f in pod.findings if f.resource == name),
            creates=(() if name in context.carriers else (claims.served(ask, context.target),)),
            safety="review",
            strategy="bridge",
            why="workloads that have not moved yet run on nodes whose plugin is gone",
            before=(name,),
            after=(f"{name}, served by DRA",),
            notes=tuple(_of_bridge(ask, context)),
        )
        for name, ask in sorted(asks.items())
    ]


def _of_bridge(ask: container.Ask, context: Context) -> Iterator[str]:
    """What is to be known of a DeviceClass that carries a resource's name."""
    for manifest in context.carriers.get(ask.resource, ()):
        yield f"{manifest.label} carries it already ({carriers.where(manifest)})"
    classes = ask.match.rule.container.classes if ask.match.rule.container else ()
    for each in classes if ask.resource not in context.carriers else ():
        if each.name == ask.match.resource.device_class and each.why:
            yield each.why
    if shared := sharing.found(ask, context):
        where = f"{shared.manifest.origin.path}:{shared.line}"
        yield (
            f"{ask.resource} is shared ({where}), and pods that still ask by name get whole devices"
        )


def _order(change: Change) -> tuple[str, int, int, str]:
    first = change.findings[0]
    return first.manifest.origin.path, first.line, first.column, first.resource
