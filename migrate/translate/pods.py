"""One pod → one change: what its containers, placement and runtime become together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from migrate import kube
from migrate.model import (
    ABSENT,
    Change,
    Creation,
    Edit,
    Finding,
    Manifest,
    Strategy,
    at,
)
from migrate.translate import claims, container, placement, runtime, sharing
from migrate.translate.context import Context, Flavour, because

_DAEMON: Final = (
    "labels stay, and must stay on the nodes: a DaemonSet makes a pod for every node that they "
    "choose, and without them its pods would wait on all other nodes"
)
"""Source: Kubernetes `pkg/controller/daemon`: `NodeShouldRunDaemonPod` knows no claims."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that asks for devices, and all that was read of it before a strategy is chosen."""

    manifest: Manifest
    spec: kube.PodSpec
    findings: tuple[Finding, ...]
    asked: container.Asked
    placed: placement.Placed
    shares: sharing.Shares
    requests: tuple[container.Request, ...]
    uses: tuple[container.Use, ...]
    place: kube.Place

    @property
    def counted(self) -> tuple[container.Ask, ...]:
        return tuple(ask for ask in self.asked.asks if ask.count)

    @property
    def flavours(self) -> tuple[Flavour, ...]:
        """The classes with selectors that its requests need."""
        return tuple(
            dict.fromkeys((r.device_class, r.selectors) for r in self.requests if r.selectors)
        )

    @property
    def is_countable(self) -> bool:
        """Whether a resource name alone says all that the pod needs (the bridge is enough)."""
        plain = not (self.placed.selectors or self.placed.classes or self.placed.preferred)
        plain = plain and not any(ask.match.resource.share for ask in self.counted)
        return plain and not self.placed.stays and not self.placed.edits


def pod(
    manifest: Manifest, spec: kube.PodSpec, findings: tuple[Finding, ...], context: Context
) -> Pod:
    """All that is known of one pod."""
    asked = container.asked(spec, context.rules)
    counted = [ask for ask in asked.asks if ask.count]
    drivers = {
        driver: frozenset(
            a.match.resource.device_class for a in counted if a.match.rule.driver == driver
        )
        for driver in dict.fromkeys(a.match.rule.driver for a in counted)
        if driver
    }
    prioritized = kube.serves(context.target, "DRAPrioritizedList")
    placed = (
        placement.Placed()
        if context.options.placement == "keep" or not counted
        else placement.placed(spec, context.rules, drivers, prioritized=prioritized)
    )
    if context.options.placement == "both":
        placed.edits.clear()
    if placed.edits and manifest.kind == "DaemonSet":
        placed.edits.clear()
        placed.stays.append(_DAEMON)
    selectors = {driver: tuple(cel) for driver, cel in placed.selectors.items()}
    shares = sharing.shares(counted, placed.shares, manifest.kind, context)
    requests, uses = container.requests(
        asked.asks, selectors, placed.classes, together=shares.together
    )
    place = kube.place(manifest.api_version, manifest.kind, spec.field)
    return Pod(manifest, spec, findings, asked, placed, shares, requests, uses, place)


def changes(pod: Pod, context: Context) -> tuple[Change, ...]:
    """The changes of one pod: at most one that edits it, one for each thing left to a person."""
    others = dict(pod.asked.other)
    left = tuple(f for f in pod.findings if f.usage == "container" and f.resource in others)
    mine = tuple(f for f in pod.findings if f not in left)
    made = [
        _manual(pod, tuple(f for f in left if f.resource == name), others[name])
        for name in dict.fromkeys(f.resource for f in left)
    ]
    if mine:
        made.insert(0, _change(pod, mine, context))
    return tuple(made)


def _change(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    refused = (*pod.asked.refused, *dict.fromkeys(pod.placed.parts), *pod.shares.refused)
    why = "; ".join(refused) or _cannot(pod)
    if why:
        return _manual(pod, findings, why)
    if not pod.counted:
        return _nothing_asked(pod, findings, context)
    strategy = _strategy(pod, context)
    if strategy == "bridge":
        return _bridge(pod, findings, context)
    if strategy == "class":
        return _class(pod, findings, context)
    if context.options.strategy == "bridge":
        return _manual(pod, findings, _more_than_a_bridge(pod, context))
    if context.options.strategy == "class":
        return _manual(pod, findings, _more_than_a_class(pod, context))
    if pod.place.support == "drops":
        switch = f"; claims go to {pod.place.switch}" if pod.place.switch else ""
        return _manual(pod, findings, f"{pod.place.why}{switch}")
    return _claim(pod, findings, context)


def _strategy(pod: Pod, context: Context) -> Strategy:
    """The strategy for a pod: the one chosen, or the lightest that keeps the meaning."""
    choice = context.options.strategy
    if choice == "claim" or pod.shares.need_claims or not kube.serves(context.target, "DRAExtendedResource"):
        return "claim"
    if choice in {"bridge", "least"} and pod.is_countable:
        return "bridge"
    if choice in {"class", "least"} and not pod.placed.preferred and not _is_one_class_twice(pod):
        return "class"
    return "claim"


def _is_one_class_twice(pod: Pod) -> bool:
    """Whether a container would have to name one class for two resources."""
    named = [(r.ask.container.field, r.device_class, r.selectors) for r in pod.requests]
    return len(set(named)) < len(named)


def _cannot(pod: Pod) -> str:
    """Why a pod of this kind cannot move, whatever it asks for; "" where it can."""
    if isinstance(pod.spec.body.get("nodeName"), str) and pod.counted:
        return (
            "spec.nodeName bypasses the scheduler, which allocates claims: "
            "select the node by its kubernetes.io/hostname label instead"
        )
    origin = pod.manifest.origin
    if origin.readonly and origin.via != "stream":
        return origin.readonly
    if not pod.manifest.kind:
        return "it is not a Kubernetes object: plan what it is rendered to"
    built_in = pod.place.support == "keeps" and "." not in pod.manifest.group
    if built_in and any("image" not in c.body for c in pod.spec.containers):
        return (
            "a container has no image, so this is a patch and its base decides what stands: "
            "plan the rendered output ('kustomize build … | dra-migrate plan -')"
        )
    return ""


def _nothing_asked(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    """A pod whose counts are all 0, or that only names labels or the runtime."""
    edits = container.removals(pod.asked.asks)
    if not edits and pod.asked.other:
        names = ", ".join(name for name, _ in pod.asked.other)
        return _manual(pod, findings, f"it belongs to {names}, which stays with its plugin")
    if not edits:
        marks = _dangers(pod, context)
        why = "the pod asks for no device"
        reaches = "; ".join(marks) or "nothing takes its place"
        return _manual(pod, findings, f"{why}, so {reaches}" if not marks else f"{why}; {reaches}")
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        edits=edits,
        safety="safe",
        disruption=kube.restart(pod.manifest.kind),
        why="a count of 0 asks for nothing",
        before=_before(findings),
        after=("nothing",),
    )


def _bridge(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    reasons = _reasons(pod, context)
    return Change(
        phase="bridge",
        manifest=pod.manifest,
        findings=findings,
        creates=tuple({a.resource: claims.served(a, context.target) for a in pod.counted}.values()),
        safety="review" if reasons else "safe",
        strategy="bridge",
        why="a DeviceClass that carries the resource's name serves the pod as it is",
        before=_before(findings),
        after=tuple(f"{a.count} × {a.resource}, served by DRA" for a in pod.counted),
        notes=(*reasons, *_notes(pod, context)),
    )


def _class(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    """One key of limits renamed to the implicit resource name of a class."""
    names: dict[str, str] = {}
    creates: list[Creation] = []
    for request in pod.requests:
        device_class = request.device_class
        if request.selectors:
            creation = claims.flavour(context.target, request)
            creates.append(creation)
            device_class = creation.name
        names[request.ask.resource] = f"{kube.CLASS_RESOURCE_PREFIX}{device_class}"
    zeros = container.removals(a for a in pod.asked.asks if not a.count)
    added, more = _tolerations(pod)
    reasons = (*_reasons(pod, context), *more)
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        edits=(*container.renames(pod.counted, names), *zeros, *pod.placed.edits, *added),
        creates=tuple({c.name: c for c in creates}.values()),
        safety="review" if reasons else "safe",
        disruption=kube.restart(pod.manifest.kind),
        strategy="class",
        why="one key names the class; pods need no claim of their own",
        before=_before(findings),
        after=tuple(f"{a.count} × {names[a.resource]}" for a in pod.counted),
        notes=(*reasons, *_notes(pod, context)),
        lighter="bridge: " + _more_than_a_bridge(pod, context),
    )


def _claim(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    requests = claims.with_class(pod.requests, context.flavours)
    entries = pod.spec.body.get("resourceClaims")
    listed = entries if isinstance(entries, list) else []
    taken = [
        str(e["name"]) for e in (*listed, *_named(pod)) if isinstance(e, Mapping) and "name" in e
    ]
    owner = (pod.manifest.namespace, pod.manifest.name or pod.manifest.kind)
    made = claims.claims(
        context.target,
        owner,
        requests,
        pod.uses,
        pod.placed.preferred,
        taken,
        by_name=pod.shares.by_name,
    )
    edits, reason = _claim_edits(pod, made)
    if reason:
        return _manual(pod, findings, reason)
    added, more = _tolerations(pod)
    reasons = (*_reasons(pod, context), *more)
    classes = [
        context.creations[r.device_class] for r in requests if r.device_class in context.creations
    ]
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        edits=(*edits, *pod.placed.edits, *added),
        creates=(*(claim.made for claim in made), *{c.name: c for c in classes}.values()),
        safety="review" if reasons else "safe",
        disruption=kube.restart(pod.manifest.kind),
        strategy="claim",
        why=_why_claim(pod, context),
        before=_before(findings),
        after=(*_after(requests, pod.shares.together), *pod.placed.said),
        notes=(*reasons, *_notes(pod, context)),
        lighter=_lighter(pod, context),
    )


def _named(pod: Pod) -> list[Any]:
    """The claims that containers name already, listed by the pod or not."""
    found = [at(c.body, ("resources", "claims")) for c in pod.spec.containers]
    return [entry for claims in found if isinstance(claims, list) for entry in claims]


def _claim_edits(pod: Pod, made: tuple[claims.Claim, ...]) -> tuple[tuple[Edit, ...], str]:
    """The edits of containers and pod, or the reason why they cannot be made."""
    edits = list(container.removals(pod.asked.asks))
    for use in pod.uses:
        said = claims.references(made, use)
        if said is None:
            return (), (
                f"{use.container.name} needs a part of a claim that it cannot name: "
                "split the pod's requests by hand"
            )
        own = use.container.body.get("resources", {}).get("claims", ABSENT)
        edits += _appended((*use.container.field, "resources", "claims"), own, list(said))
    entries = [claim.entry for claim in made]
    own = pod.spec.body.get("resourceClaims", ABSENT)
    return (*edits, *_appended((*pod.spec.field, "resourceClaims"), own, entries)), ""


def _appended(place: tuple[str | int, ...], own: Any, new: list[Any]) -> list[Edit]:
    """Edits that add items to the list that is there, or the list with them."""
    if isinstance(own, list):
        return [Edit((*place, len(own)), ABSENT, item) for item in new]
    return [Edit(place, None if own is None else ABSENT, new)]


def _tolerations(pod: Pod) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """The tolerations to write out, and a sentence for each.

    A DaemonSet gets none: its controller looks at the template, to which admission never added
    any, so a toleration would bring its pods to nodes where none is today.
    """
    if pod.manifest.kind == "DaemonSet":
        return (), ()
    asks = [(a.resource, a.match.rule) for a in pod.counted]
    missing = placement.tolerations(pod.spec, asks)
    own = pod.spec.body.get("tolerations", ABSENT)
    place = (*pod.spec.field, "tolerations")
    edits = _appended(place, own, [dict(body) for body, _ in missing])
    said = tuple(because(f"toleration {body['key']} is written out", why) for body, why in missing)
    return (tuple(edits) if missing else ()), said


def _reasons(pod: Pod, context: Context) -> tuple[str, ...]:
    """Why a person should look, a sentence each; none makes a change safe."""
    said = (
        *pod.placed.stays,
        *_of_the_place(pod),
        *_of_the_labels(pod, context),
        *_of_the_devices(pod, context),
        *_dangers(pod, context),
    )
    return tuple(dict.fromkeys(said))


def _of_the_place(pod: Pod) -> Iterator[str]:
    """What the object, its framework and its scheduler have to do with the move."""
    if pod.place.support not in {"keeps", "drops"}:
        yield pod.place.why
    if scheduler := _scheduler(pod):
        yield f"schedulerName {scheduler}: see that this scheduler allocates claims"
    if said := kube.reader(pod.manifest.group):
        yield said
    origin = pod.manifest.origin
    if origin.source and origin.via == "file":
        yield f"rendered from {origin.source}, which brings the old text back: change it there too"
    if pod.manifest.kind == "DaemonSet":
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


def _of_the_devices(pod: Pod, context: Context) -> Iterator[str]:
    """What the devices are, beside a number of whole ones that no one else has."""
    if pod.asked.other:
        names = ", ".join(name for name, _ in pod.asked.other)
        yield f"{names} stays with its device plugin: the two are no longer aligned"
    yield from pod.shares.reasons
    for ask in pod.counted:
        if container.is_all(ask):
            yield ask.match.resource.why
    first = {a.container.name: a for a in pod.counted if a.container.role == "init"}
    for use in pod.uses:
        own = first.get(use.container.name)
        total = sum(r.count for r in pod.requests if r.name in use.requests)
        if own and total > own.count:
            yield f"init container {use.container.name} sees {total} devices instead of {own.count}"


def _scheduler(pod: Pod) -> str:
    """The scheduler the pod names, "" for Kubernetes' own."""
    name = pod.spec.body.get("schedulerName")
    return name if isinstance(name, str) and name != "default-scheduler" else ""


def would_do(pod: Pod) -> bool:
    """Whether a DeviceClass that carries the resource's name would serve the pod as it is."""
    told = pod.placed.parts or _cannot(pod) or _scheduler(pod)
    return pod.is_countable and not told and not pod.shares.forms


def _dangers(pod: Pod, context: Context) -> tuple[str, ...]:
    marks = [f for f in pod.findings if f.usage == "runtime"]
    return tuple(said for said, warns in runtime.said(marks, context.rules) if warns)


def _notes(pod: Pod, context: Context) -> tuple[str, ...]:
    """What is kept and harmless, and what follows from the move."""
    marks = [f for f in pod.findings if f.usage == "runtime"]
    kept = [said for said, warns in runtime.said(marks, context.rules) if not warns]
    return (*dict.fromkeys(pod.placed.warnings), *kept)


def _manual(pod: Pod, findings: tuple[Finding, ...], why: str) -> Change:
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        why=why,
        before=_before(findings),
    )


def _before(findings: tuple[Finding, ...]) -> tuple[str, ...]:
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


def _after(requests: Iterable[container.Request], together: frozenset[str]) -> tuple[str, ...]:
    return tuple(
        f"{'all' if container.is_all(r.ask) else r.count} × {r.device_class}"
        f"{', used together' * (r.ask.resource in together)}"
        for r in requests
    )


def _why_claim(pod: Pod, context: Context) -> str:
    if pod.is_countable and kube.serves(context.target, "DRAExtendedResource"):
        return "a claim, as chosen"
    return "a claim of its own for every pod, with the devices it needs"


def _lighter(pod: Pod, context: Context) -> str:
    if not kube.serves(context.target, "DRAExtendedResource"):
        return f"bridge: {_no_names(context)}"
    if pod.is_countable:
        return "bridge: would do, nothing of the workload changes ('--strategy least')"
    return "class: one key in limits, with a DeviceClass for the flavour ('--strategy least')"


def _more_than_a_bridge(pod: Pod, context: Context) -> str:
    if not kube.serves(context.target, "DRAExtendedResource"):
        return _no_names(context)
    shared = [f"that {name} counts shares" for name in pod.shares.forms]
    said = [*pod.placed.said, *pod.placed.stays, *shared]
    return f"a resource name cannot carry {'; '.join(said)}" if said else "a count is all it needs"


def _more_than_a_class(pod: Pod, context: Context) -> str:
    if not kube.serves(context.target, "DRAExtendedResource"):
        return _no_names(context)
    if _is_one_class_twice(pod):
        return "two resources of one container are of one class, and its name can stand there once"
    return "the name of a class cannot carry a preference"


def _no_names(context: Context) -> str:
    return (
        f"Kubernetes {context.target.kubernetes} does not serve extended resources from a "
        "DeviceClass (DRAExtendedResource is on from 1.36)"
    )
