"""What is written of DRA among the inputs: classes that carry a resource's name, and claims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from migrate import kube
from migrate.kube import upgrade
from migrate.model import ContainerUsage, DeviceClass, Manifest, Resource, Rule, at
from migrate.read import ruleset
from migrate.translate.context import Context

_CLAIMS: Final = {"ResourceClaim": ("spec",), "ResourceClaimTemplate": ("spec", "spec")}


def carriers(manifests: Iterable[Manifest]) -> dict[str, tuple[Manifest, ...]]:
    """Per extended resource, the DeviceClasses that carry its name."""
    found: dict[str, tuple[Manifest, ...]] = {}
    for manifest in manifests:
        name = at(manifest.body, ("spec", "extendedResourceName"))
        is_class = manifest.kind == "DeviceClass" and manifest.group == kube.GROUP
        if is_class and isinstance(name, str) and kube.is_extended_resource(name):
            found[name] = (*found.get(name, ()), manifest)
    return found


def resource(name: str, context: Context) -> ruleset.Match | None:
    """What answers for a resource: its rule, unless a class among the inputs carries the name.

    Source: Kubernetes KEP-5004, DeviceClassSpec.extendedResourceName
    """
    match = ruleset.resource(context.rules, name)
    classes = context.carriers.get(name, ())
    names = {manifest.name for manifest in classes}
    if not classes or (match and names == {match.resource.device_class}):
        return match
    said = " and ".join(f"{m.name} ({where(m)})" for m in classes)
    if len(names) > 1:
        why = f"{name} is carried by the DeviceClasses {said}, and the newest in the cluster wins"
        return _match(match, Resource(name=name, maps="approx", why=why), ())
    noun = match.resource.noun if match else kube.dns_label(name.rpartition("/")[2])
    meant = Resource(
        name=name,
        maps="exact",
        device_class=classes[0].name,
        noun=noun,
        why=f"{name} is carried by DeviceClass {said}, so that is what the pod asked for",
    )
    return _match(match, meant, (_class(classes[0], name),))


def where(manifest: Manifest) -> str:
    """The place of an object, `path:line`."""
    return f"{manifest.origin.path}:{manifest.origin.line}"


def _match(
    match: ruleset.Match | None, resource: Resource, classes: tuple[DeviceClass, ...]
) -> ruleset.Match:
    usage = ContainerUsage(resources=(resource,), classes=classes)
    rule = Rule(name="", title=resource.name, sources=()) if match is None else match.rule
    return ruleset.Match(replace(rule, container=usage), resource, {})


def _class(manifest: Manifest, name: str) -> DeviceClass:
    listed = at(manifest.body, ("spec", "selectors"))
    texts = (at(s, ("cel", "expression")) for s in (listed if isinstance(listed, list) else ()))
    return DeviceClass(
        name=manifest.name,
        selectors=tuple(text for text in texts if isinstance(text, str)),
        extended_resource_name=name,
    )


def claimed(objects: Iterable[Manifest]) -> dict[tuple[str, str, str], frozenset[str]]:
    """Per claim or template among the objects, by kind, namespace and name: the classes it asks."""
    found = {}
    for manifest in objects:
        if manifest.group != kube.GROUP or manifest.kind not in _CLAIMS:
            continue
        spec = at(upgrade.newest_form(manifest.body), _CLAIMS[manifest.kind])
        requests = at(spec, ("devices", "requests"))
        asked = [r for r in (requests if isinstance(requests, list) else ()) if isinstance(r, dict)]
        parts = [
            part for r in asked for part in (r.get("exactly"), *(r.get("firstAvailable") or ()))
        ]
        classes = {part.get("deviceClassName") for part in parts if isinstance(part, dict)}
        names = frozenset(name for name in classes if isinstance(name, str))
        found[(manifest.kind, manifest.namespace, manifest.name)] = names
    return found
