"""One pod, and all that is read of it before a strategy is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from migrate import kube
from migrate.model import Finding, Manifest
from migrate.translate import container, placement, sharing
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
        asked.asks, selectors, placed.classes, together=shares.together, common=shares.by_name
    )
    place = kube.place(manifest.api_version, manifest.kind, spec.field)
    return Pod(manifest, spec, findings, asked, placed, shares, requests, uses, place)


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
    if not pod.manifest.kind:
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
