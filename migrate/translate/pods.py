"""One pod → one change: what its containers, placement and runtime become together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate import kube
from migrate.model import ABSENT, Change, Creation, Edit, Finding, Strategy, at
from migrate.translate import claims, container, placement, reasons
from migrate.translate.context import Context, because, joined
from migrate.translate.pod import Pod, cannot, is_one_class_twice


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
    why = joined(pod.refused) or cannot(pod)
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
        return _manual(pod, findings, reasons.more_than_a_bridge(pod, context))
    if context.options.strategy == "class":
        return _manual(pod, findings, reasons.more_than_a_class(pod, context))
    if pod.place.support == "drops":
        switch = f"; claims go to {pod.place.switch}" if pod.place.switch else ""
        return _manual(pod, findings, f"{pod.place.why}{switch}")
    return _claim(pod, findings, context)


def _strategy(pod: Pod, context: Context) -> Strategy:
    """The strategy for a pod: the one chosen, or the lightest that keeps the meaning."""
    choice = context.options.strategy
    if (
        choice == "claim"
        or pod.shares.need_claims
        or not kube.serves(context.target, "DRAExtendedResource")
    ):
        return "claim"
    if choice in {"bridge", "least"} and pod.is_countable:
        return "bridge"
    if choice in {"class", "least"} and not pod.placed.preferred and not is_one_class_twice(pod):
        return "class"
    return "claim"


def _nothing_asked(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    """A pod whose counts are all 0, or that only names labels or the runtime."""
    edits = container.removals(pod.asked.asks)
    if not edits and pod.asked.other:
        names = ", ".join(name for name, _ in pod.asked.other)
        return _manual(pod, findings, f"it belongs to {names}, which stays with its plugin")
    if not edits:
        return _without_devices(pod, findings, context)
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        edits=edits,
        safety="safe",
        disruption=kube.restart(pod.kind),
        why="a count of 0 asks for nothing",
        before=reasons.before(findings),
        after=("nothing",),
    )


def _without_devices(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    """A pod that asks for no device by name, and may have some by claims."""
    marks = (
        *(reasons.dangers(pod, context) or reasons.notes(pod, context)),
        *reasons.labels_beside_claims(pod, context),
        *reasons.labels_without_devices(pod, context),
        *placement.topologies(pod.spec, context.rules),
    )
    if not reasons.has_claims(pod, context):
        said = joined(marks)
        why = "the pod asks for no device"
        return _manual(
            pod, findings, f"{why}; {said}" if said else f"{why}, so nothing takes its place"
        )
    is_harmless = not reasons.dangers(pod, context) and all(f.usage == "runtime" for f in findings)
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        safety="safe" if is_harmless else "manual",
        why="the pod has claims already"
        + ("" if all(reasons.classes(pod, context)) else ", which are not among the inputs"),
        before=reasons.before(findings),
        after=("stays as it is",) if is_harmless else (),
        notes=marks,
    )


def _bridge(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    said = reasons.of_pod(pod, context)
    return Change(
        phase="bridge",
        manifest=pod.manifest,
        findings=findings,
        creates=tuple(
            {
                a.resource: claims.served(a, context.target)
                for a in pod.counted
                if a.resource not in context.carriers
            }.values()
        ),
        safety="review" if said else "safe",
        strategy="bridge",
        why="a DeviceClass that carries the resource's name serves the pod as it is",
        before=reasons.before(findings),
        after=tuple(f"{a.count} × {a.resource}, served by DRA" for a in pod.counted),
        notes=(*said, *reasons.notes(pod, context)),
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
    said = (*reasons.of_pod(pod, context), *more)
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        edits=(*container.renames(pod.counted, names), *zeros, *pod.placed.edits, *added),
        creates=tuple({c.name: c for c in creates}.values()),
        safety="review" if said else "safe",
        disruption=kube.restart(pod.kind),
        strategy="class",
        why="one key names the class; pods need no claim of their own",
        before=reasons.before(findings),
        after=tuple(f"{a.count} × {names[a.resource]}" for a in pod.counted),
        notes=(*said, *reasons.notes(pod, context)),
        lighter="bridge: " + reasons.more_than_a_bridge(pod, context),
    )


def _claim(pod: Pod, findings: tuple[Finding, ...], context: Context) -> Change:
    requests = claims.with_class(pod.requests, context.flavours)
    entries = pod.spec.body.get("resourceClaims")
    listed = entries if isinstance(entries, list) else []
    taken = [
        str(e["name"]) for e in (*listed, *_named(pod)) if isinstance(e, Mapping) and "name" in e
    ]
    made = claims.claims(context.target, pod.owner, requests, pod.uses, pod.placed.preferred, taken)
    edits, reason = _claim_edits(pod, made)
    if reason:
        return _manual(pod, findings, reason)
    added, more = _tolerations(pod)
    said = (*reasons.of_pod(pod, context), *more)
    classes = [
        context.creations[r.device_class] for r in requests if r.device_class in context.creations
    ]
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        edits=(*edits, *pod.placed.edits, *added),
        creates=(*(claim.made for claim in made), *{c.name: c for c in classes}.values()),
        safety="review" if said else "safe",
        disruption=kube.restart(pod.kind),
        strategy="claim",
        why=reasons.why_claim(pod, context),
        before=reasons.before(findings),
        after=(*reasons.after(requests, pod.shares.together), *pod.placed.said),
        notes=(*said, *reasons.notes(pod, context)),
        lighter=reasons.lighter(pod, context),
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
    return (*edits, *_listed(pod, "resourceClaims", entries)), ""


def _listed(pod: Pod, key: str, new: list[Any]) -> list[Edit]:
    """Edits that add items to a list of this pod, and of no other."""
    place, own = pod.spec.at(key), pod.spec.body.get(key, ABSENT)
    if pod.spec.values and pod.spec.is_common(place):
        items = own if isinstance(own, list) else []
        return [Edit((*pod.spec.values.own, key), ABSENT, [*items, *new])]
    return _appended(place, own, new)


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
    if pod.kind == "DaemonSet":
        return (), ()
    asks = [(a.resource, a.match.rule) for a in pod.counted]
    missing = placement.tolerations(pod.spec, asks)
    edits = _listed(pod, "tolerations", [dict(body) for body, _ in missing])
    said = tuple(because(f"toleration {body['key']} is written out", why) for body, why in missing)
    return (tuple(edits) if missing else ()), said


def _manual(pod: Pod, findings: tuple[Finding, ...], why: str) -> Change:
    return Change(
        phase="claim",
        manifest=pod.manifest,
        findings=findings,
        why=why,
        before=reasons.before(findings),
    )
