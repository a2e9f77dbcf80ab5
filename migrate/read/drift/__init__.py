"""Where rules no longer agree with what a driver and its operator bring, all of it in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrate import kube
from migrate.model import Manifest, Rule
from migrate.read.drift import classes, parts, slices
from migrate.read.drift.difference import Drift, extents


def compared(manifests: Iterable[Manifest], rules: Sequence[Rule]) -> tuple[Manifest, ...]:
    """The objects that rules can be held against, in whichever version.

    Shape: DeviceClasses, ResourceSlices, CustomResourceDefinitions of groups that a rule names,
    and the values of charts that a rule switches off.
    """
    every = tuple(manifests)
    values = {id(each) for each, _, _ in parts.values(every, rules)}
    return tuple(
        each
        for each in every
        if _is_devices(each, "DeviceClass", "ResourceSlice")
        or parts.is_named(each, rules)
        or id(each) in values
    )


def differences(
    manifests: Iterable[Manifest], rules: Sequence[Rule], paths: Sequence[str] = ()
) -> tuple[Drift, ...]:
    """Everything in which the objects and the rules differ, in the order of the objects.

    Shape: `paths` are those that the user gave, by which a chart is known to be whole.
    """
    every = tuple(manifests)
    extent = extents(every, paths)
    found = [
        *classes.differences([m for m in every if _is_devices(m, "DeviceClass")], rules, extent),
        *slices.differences([m for m in every if _is_devices(m, "ResourceSlice")], rules),
        *parts.of_definitions([m for m in every if parts.is_named(m, rules)], rules, extent),
        *parts.of_values(parts.values(every, rules)),
    ]
    order = {id(manifest): number for number, manifest in enumerate(every)}
    return tuple(sorted(found, key=lambda each: order[id(each.manifest)]))


def _is_devices(manifest: Manifest, *kinds: str) -> bool:
    """Whether the object is of Kubernetes' API of devices; a template may fill that in later."""
    is_ours = manifest.group == kube.GROUP or manifest.origin.via == "template"
    return is_ours and manifest.kind in kinds
