"""What is said beside a pod's change: why to look, what stays, what would be lighter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from migrate import kube
from migrate.model import Finding
from migrate.translate import container, placement, runtime
from migrate.translate.context import Context
from migrate.translate.pod import Pod, is_one_class_twice, scheduler

_NAMED: Final = {
    "resourceClaimTemplateName": "ResourceClaimTemplate",
    "resourceClaimName": "ResourceClaim",
}
"""The kinds of what the entries of a pod's `resourceClaims` name."""


def of_pod(pod: Pod, context: Context) -> tuple[str, ...]:
    """Why a person should look, a sentence each; none makes a change safe."""
    said = (
        *pod.placed.stays,
        *_of_the_place(pod),
        *_of_the_labels(pod, context),
        *_of_the_devices(pod),
        *dangers(pod, context),
    )
    return tuple(dict.fromkeys(said))


def _of_the_place(pod: Pod) -> Iterator[str]:
    """What the object, its framework and its scheduler have to do with the move."""
    if pod.place.support not in {"keeps", "drops"}:
        yield pod.place.why
    if name := scheduler(pod):
        yield f"schedulerName {name}: see that this scheduler allocates claims"
    names = [ask.resource for ask in pod.counted]
    manifest = pod.manifest
    yield from kube.readers(manifest.group, manifest.kind, manifest.body, names)
    if pod.release and pod.release.namespace != pod.manifest.namespace:
        yield (
            f"the claim is to be in namespace {pod.release.namespace}, where the chart is "
            "installed: see that what applies this file leaves it there"
        )
    origin = pod.manifest.origin
    if origin.source and origin.via == "file":
        yield f"rendered from {origin.source}, which brings the old text back: change it there too"
    if pod.kind == "DaemonSet":
        yield "every pod of the DaemonSet takes devices of its own on its node"


def _of_the_labels(pod: Pod, context: Context) -> Iterator[str]:
    """What labels and preferences lose or keep."""
    if pod.placed.preferred:
        yield "a preference becomes an order of alternatives, not a score of nodes"
    if context.options.placement != "convert":
        for finding in pod.findings:
            if finding.usage == "placement":
                said = f"{finding.resource}={finding.quantity}"
                yield f"{said} stays, as chosen: keep what writes it running"


def _of_the_devices(pod: Pod) -> Iterator[str]:
    """What the devices are, beside a number of whole ones that no one else has."""
    if pod.asked.other:
        names = ", ".join(name for name, _ in pod.asked.other)
        yield f"{names} stays with its device plugin: the two are no longer aligned"
    yield from pod.shares.reasons
    for ask in pod.counted:
        if ask.match.resource.why and not ask.match.resource.share:
            yield ask.match.resource.why
    first = {a.container.name: a for a in pod.counted if a.container.role == "init"}
    for use in pod.uses:
        own = first.get(use.container.name)
        total = sum(r.count for r in pod.requests if r.name in use.requests)
        if own and total > own.count:
            yield f"init container {use.container.name} sees {total} devices instead of {own.count}"


def dangers(pod: Pod, context: Context) -> tuple[str, ...]:
    """What brings devices in past the allocation, a sentence each."""
    marks = [f for f in pod.findings if f.usage == "runtime"]
    return tuple(said for said, warns in runtime.said(marks, context.rules) if warns)


def notes(pod: Pod, context: Context) -> tuple[str, ...]:
    """What is kept and harmless, and what follows from the move."""
    marks = [f for f in pod.findings if f.usage == "runtime"]
    kept = [said for said, warns in runtime.said(marks, context.rules) if not warns]
    return (*dict.fromkeys(pod.placed.warnings), *kept)


def classes(pod: Pod, context: Context) -> frozenset[str]:
    """The DeviceClasses that the pod's claims ask for already; "" among them for one not read."""
    entries = pod.spec.body.get("resourceClaims")
    found: set[str] = set()
    for entry in entries if isinstance(entries, list) else ():
        named = entry if isinstance(entry, Mapping) else {}
        for key, kind in _NAMED.items():
            if name := named.get(key):
                asked = context.claimed.get((kind, pod.manifest.namespace, str(name)))
                found |= asked or {""}
    return frozenset(found)


def has_claims(pod: Pod, context: Context) -> bool:
    """Whether the pod has claims for devices that what is found speaks of, or may have."""
    names = {finding.rule for finding in pod.findings}
    meant = {rule.driver for rule in context.rules if rule.name in names}
    drivers = (_driver(name, context) for name in classes(pod, context))
    return any(driver in {"", *meant} for driver in drivers)


def _driver(name: str, context: Context) -> str:
    """The driver whose devices a class of this name has, "" where no rule says so."""
    for rule in context.rules:
        own = {c.name for c in (rule.container.classes if rule.container else ())}
        if rule.driver and (name in {*own, rule.driver} or name.endswith(f".{rule.driver}")):
            return rule.driver
    return ""


def labels_beside_claims(pod: Pod, context: Context) -> tuple[str, ...]:
    """What becomes of the labels of a pod whose claims were written before."""
    if not has_claims(pod, context):
        return ()
    drivers = {rule.driver: frozenset[str]() for rule in context.rules if rule.driver}
    found = placement.placed(pod.spec, context.rules, drivers, prioritized=False)
    kept = [said for said in found.stays if said not in pod.placed.stays]
    said = ", ".join(found.said)
    moved = f"what labels of the plugin say belongs in the selectors of its claims: {said}"
    return (*([moved] if said else ()), *kept)


def labels_without_devices(pod: Pod, context: Context) -> tuple[str, ...]:
    """What becomes of the plugin's labels by which a pod is placed that asks for no device."""
    if has_claims(pod, context):
        return ()
    placed = (
        f.resource for f in pod.findings if f.usage == "placement" and "topologyKey" not in f.field
    )
    keys = [key for key in dict.fromkeys(placed) if placement.is_of_plugin(key, context.rules)]
    if not keys:
        return ()
    it = "them" if len(keys) > 1 else "it"
    said = (
        f"what writes {' and '.join(keys)} may go with the plugin, and then no node has {it}: keep "
        f"{it} on the nodes, or place the pod by another label before that"
    )
    return (said,)


def before(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """What a person reads of today: counts per resource, then labels."""
    counts: dict[tuple[str, str], None] = {}
    for finding in findings:
        if finding.usage == "container":
            counts[(finding.container, f"{finding.quantity} × {finding.resource}")] = None
    usages = {"placement"} if counts else {"placement", "runtime"}
    labels = [f"{f.resource}={f.quantity}" for f in findings if f.usage in usages]
    many = len({name for name, _ in counts}) > 1
    asks = [f"{said} ({name})" if many and name else said for name, said in counts]
    return (*asks, *dict.fromkeys(labels))


def after(requests: Iterable[container.Request], together: frozenset[str]) -> tuple[str, ...]:
    """What a person reads of the claims: counts per class; of `together` all containers use one."""
    return tuple(
        f"{'all' if container.is_all(r.ask) else r.count} × {r.device_class}"
        f"{', used together' * (r.ask.resource in together)}"
        for r in requests
    )


def why_claim(pod: Pod, context: Context) -> str:
    """Why the pod gets a claim."""
    if pod.shares.by_name:
        return "one claim for the pods of the namespace, as chosen"
    if pod.is_countable and kube.serves(context.target, "DRAExtendedResource"):
        return "a claim, as chosen"
    return "a claim of its own for every pod, with the devices it needs"


def lighter(pod: Pod, context: Context) -> str:
    """The next lighter strategy, and what stands against it."""
    if not kube.serves(context.target, "DRAExtendedResource"):
        return f"bridge: {_no_names(context)}"
    if pod.shares.need_claims:
        return f"bridge: {more_than_a_bridge(pod, context)}"
    if pod.is_countable:
        return "bridge: would do, nothing of the workload changes ('--strategy least')"
    return "class: one key in limits, with a DeviceClass for the flavour ('--strategy least')"


def more_than_a_bridge(pod: Pod, context: Context) -> str:
    """Why the bridge is not enough for this pod."""
    if not kube.serves(context.target, "DRAExtendedResource"):
        return _no_names(context)
    shared = [f"that {name} counts shares" for name in pod.shares.forms]
    said = [*pod.placed.said, *pod.placed.stays, *shared]
    return f"a resource name cannot carry {'; '.join(said)}" if said else "a count is all it needs"


def more_than_a_class(pod: Pod, context: Context) -> str:
    """Why the name of a class is not enough for this pod."""
    if not kube.serves(context.target, "DRAExtendedResource"):
        return _no_names(context)
    if is_one_class_twice(pod):
        return "two resources of one container are of one class, and its name can stand there once"
    return "the name of a class cannot carry a preference"


def _no_names(context: Context) -> str:
    return (
        f"Kubernetes {context.target.kubernetes} does not serve extended resources from a "
        "DeviceClass (DRAExtendedResource is on from 1.36)"
    )
