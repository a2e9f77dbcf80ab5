"""What several pods need together: classes for their flavours, claims that they name, bridges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from migrate import kube
from migrate.model import Change, Creation, Finding
from migrate.translate import carriers, claims, container, sharing
from migrate.translate.context import Context, Flavour
from migrate.translate.pod import Pod


def with_flavours(found: list[Pod], context: Context) -> Context:
    """The context with a DeviceClass for every flavour that should have one of its own."""
    if context.options.classes == "vendor" or context.options.strategy != "claim":
        return context
    users = Counter(f for pod in found if not pod.refused for f in pod.flavours)
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


def with_users(found: Iterable[Pod], made: Iterable[Change], context: Context) -> Context:
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


def left(made: Iterable[Change]) -> dict[str, tuple[Finding, ...]]:
    """Per extended resource, the requests for it in changes that are left to a person."""
    left: dict[str, tuple[Finding, ...]] = {}
    for change in made:
        for finding in change.findings if change.safety == "manual" else ():
            if finding.usage == "container":
                left[finding.resource] = (*left.get(finding.resource, ()), finding)
    return left


def moved(made: Iterable[Change]) -> dict[str, frozenset[str]]:
    """Per extended resource, the namespaces of workloads whose requests for it are edited away."""
    moved: dict[str, set[str]] = {}
    for change in made:
        for finding in change.findings if change.phase == "claim" and change.edits else ():
            if finding.usage == "container":
                moved.setdefault(finding.resource, set()).add(finding.manifest.namespace)
    return {name: frozenset(spaces) for name, spaces in moved.items()}


def with_common(made: list[Change]) -> list[Change]:
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


def bridges(found: Iterable[Pod], context: Context) -> list[Change]:
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
