"""One pod, and all that is read of it before a strategy is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from migrate import kube
from migrate.model import Edit, Finding, Manifest
from migrate.translate import container, placement, runtime, sharing
from migrate.translate.context import Context, Flavour

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
    release: kube.Release | None = None
    """What installs the chart in whose values the pod stands, if it does."""

    @property
    def kind(self) -> str:
        """The kind that makes the pods."""
        return self.spec.values.kind if self.spec.values else self.manifest.kind

    @property
    def owner(self) -> tuple[str, str]:
        """The namespace and the name of what makes the pods."""
        held, release = self.spec.values, self.release
        if held is None or release is None:
            return self.manifest.namespace, self.manifest.name or self.manifest.kind
        name = release.name or held.name
        return release.namespace, name if name == held.name or held.count == 1 else (
            f"{name}-{held.name}"
        )

    @property
    def refused(self) -> tuple[str, ...]:
        """Why what it asks for cannot become claims, a sentence each."""
        parts = dict.fromkeys(self.placed.parts)
        return (*self.asked.refused, *parts, *self.shares.refused)

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


def pod_of(
    manifest: Manifest, spec: kube.PodSpec, findings: tuple[Finding, ...], context: Context
) -> Pod:
    """All that is known of one pod."""
    asked = container.asked(spec, context)
    marked = runtime.parts([f for f in findings if f.usage == "runtime"], context.rules)
    asked = replace(asked, refused=(*asked.refused, *marked))
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
    kind = spec.values.kind if spec.values else manifest.kind
    if placed.edits and kind == "DaemonSet":
        placed.edits.clear()
        placed.stays.append(_DAEMON)
    common = [edit for edit in placed.edits if spec.is_common(edit.field)]
    if common:
        placed.edits[:] = [edit for edit in placed.edits if edit not in common]
        placed.stays.append(_common(spec, common))
    selectors = {driver: tuple(cel) for driver, cel in placed.selectors.items()}
    shares = sharing.shares(counted, placed.shares, kind, context)
    requests, uses = container.requests(
        asked.asks, selectors, placed.classes, together=shares.together, common=shares.by_name
    )
    known = kube.releases(manifest, context.sources) if spec.values else ()
    release = kube.release(spec.field, known)
    place = kube.place_in_values(spec, release) or kube.place(
        manifest.api_version, manifest.kind, spec.field
    )
    return Pod(manifest, spec, findings, asked, placed, shares, requests, uses, place, release)


def _common(spec: kube.PodSpec, edits: Iterable[Edit]) -> str:
    """Why labels stay that several pods of a chart's values have in common."""
    held = spec.values
    where = f" in {held.defaults[-1]}, for all {held.count} pods" if held else ""
    names = dict.fromkeys(
        e.old["key"] if isinstance(e.old, Mapping) and "key" in e.old else e.field[-1]
        for e in edits
    )
    return (
        f"{' and '.join(map(str, names))} stays{where}: take it away there before what writes it "
        "goes, or the pods wait for ever"
    )


def cannot(pod: Pod) -> str:
    """Why a pod of this kind cannot move, whatever it asks for; "" where it can."""
    if isinstance(pod.spec.body.get("nodeName"), str) and pod.counted:
        return (
            "spec.nodeName bypasses the scheduler, which allocates claims: "
            "select the node by its kubernetes.io/hostname label instead"
        )
    origin = pod.manifest.origin
    if origin.readonly and origin.via != "stream":
        return origin.readonly
    if pod.release and pod.release.cannot:
        return pod.release.cannot
    if not pod.manifest.kind and pod.spec.values and pod.release is None:
        return (
            "no Chart.yaml beside these values depends on their chart, so there is no place for "
            "a claim's object: plan what they are rendered to"
        )
    if not pod.manifest.kind and pod.release is None:
        return "it is not a Kubernetes object: plan what it is rendered to"
    built_in = pod.place.support == "keeps" and "." not in pod.manifest.group
    if built_in and any("image" not in c.body for c in pod.spec.containers):
        return (
            "a container has no image, so this is a patch and its base decides what stands: "
            "plan the rendered output ('kustomize build … | dra-migrate plan -')"
        )
    return ""


def scheduler(pod: Pod) -> str:
    """The scheduler the pod names, "" for Kubernetes' own."""
    name = pod.spec.body.get("schedulerName")
    return name if isinstance(name, str) and name != "default-scheduler" else ""


def is_one_class_twice(pod: Pod) -> bool:
    """Whether a container would have to name one class for two resources."""
    named = [(ask.container.field, ask.match.resource.device_class) for ask in pod.counted]
    return len(set(named)) < len(named)


def would_do(pod: Pod) -> bool:
    """Whether a DeviceClass that carries the resource's name would serve the pod as it is."""
    told = pod.placed.parts or cannot(pod) or scheduler(pod)
    return pod.is_countable and not told and not pod.shares.forms
