"""Requests → the objects that hold them: claim templates with hashed names, classes per flavour."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from migrate import kube
from migrate.model import Creation, DeviceClass, Field, Target
from migrate.translate.container import Ask, Request, Use, resource_selectors, told_apart
from migrate.translate.placement import Condition

_TEMPLATE: Final = "resourceClaimTemplateName"
_HASH: Final = 6
_SHORTEST: Final = 12
_EQUAL: Final = re.compile(r'== "([^"\\]+)"')


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of a pod: its name there, and the template it is made from, or the claim itself."""

    name: str
    made: Creation
    requests: tuple[Request, ...]

    @property
    def entry(self) -> dict[str, str]:
        """What `resourceClaims` of the pod says."""
        key = "resourceClaimName" if self.made.kind == "ResourceClaim" else _TEMPLATE
        return {"name": self.name, key: self.made.name}


def claims(
    target: Target,
    owner: tuple[str, str],
    requests: tuple[Request, ...],
    uses: tuple[Use, ...],
    preferred: Sequence[Condition],
    taken: Iterable[str],
) -> tuple[Claim, ...]:
    """The claims that hold these requests: one, unless a container could not name its part of it.

    `owner` is the workload's namespace and name; `taken` are entries the pod has already. Each
    request that is common to several pods is in a claim of its own, which they name too.
    A container names a claim once, whole or by one request, because `claims` is a map by claim
    name under server-side apply. Source: core/v1 ResourceRequirements, `listMapKey=name`.
    """
    names = set(taken)
    made: list[Claim] = []
    common = [(request,) for request in requests if request.is_common]
    own = tuple(request for request in requests if not request.is_common)
    for group in (*common, *groups(own, uses)):
        noun = _noun(group)
        name = told_apart(names, noun)
        names.add(name)
        bodies = [_request(target, request, preferred) for request in group]
        creation = (
            _common(target, owner[0], noun, bodies)
            if group[0].is_common
            else _template(target, owner, noun, bodies, _comments(group, uses))
        )
        made.append(Claim(name, creation, group))
    return tuple(made)


def groups(requests: tuple[Request, ...], uses: tuple[Use, ...]) -> tuple[tuple[Request, ...], ...]:
    """The requests, parted so that each container uses one request, or all, of every part.

    No part has more devices than a claim can be given.
    """
    by_name = {request.name: request for request in requests}
    used = [known for use in uses if (known := set(use.requests) & by_name.keys())]
    if not requests:
        return ()
    if sum(request.count for request in requests) > kube.DEVICES_PER_CLAIM:
        return tuple((request,) for request in requests)
    if all(len(names) in {1, len(requests)} for names in used):
        return (requests,)
    parts: list[set[str]] = [{name} for name in by_name]
    for names in used:
        joined = [part for part in parts if part & names]
        parts = [part for part in parts if part not in joined] + [set().union(*joined)]
    order = list(by_name)
    parts.sort(key=lambda part: min(order.index(name) for name in part))
    return tuple(tuple(r for r in requests if r.name in part) for part in parts)


def references(claims: Iterable[Claim], use: Use) -> tuple[dict[str, str], ...] | None:
    """What `resources.claims` of a container says, None where it cannot be said."""
    said: list[dict[str, str]] = []
    for claim in claims:
        names = [r.name for r in claim.requests]
        used = [name for name in names if name in use.requests]
        if len(used) == 1:
            said.append({"name": claim.name, "request": used[0]})
        elif used and len(used) == len(names):
            said.append({"name": claim.name})
        elif used:
            return None
    return tuple(said)


def _noun(requests: Sequence[Request]) -> str:
    nouns = {r.ask.match.resource.noun or "device" for r in requests}
    return nouns.pop() if len(nouns) == 1 else "devices"


def _template(
    target: Target,
    owner: tuple[str, str],
    noun: str,
    bodies: Sequence[Mapping[str, Any]],
    comments: Mapping[Field, str],
) -> Creation:
    """The ResourceClaimTemplate; it cannot be edited, so its name ends in a hash of its spec."""
    namespace, name = owner
    body = kube.claim_template(target, "", namespace, bodies)
    parts = [name] if noun in name.split("-") else [name or "pod", noun]
    body["metadata"]["name"] = _hashed(parts, body["spec"])
    return Creation(body, comments)


def _common(
    target: Target, namespace: str, noun: str, bodies: Sequence[Mapping[str, Any]]
) -> Creation:
    """A ResourceClaim that every pod of the namespace with the same wishes names the same."""
    body = kube.claim(target, "", namespace, bodies)
    body["metadata"]["name"] = _hashed(["shared", noun], body["spec"])
    comment = "the pods that name this claim use these devices together"
    return Creation(body, {("spec", "devices", "requests"): comment})


def _hashed(parts: Sequence[str], spec: Any) -> str:
    """A DNS label that ends in a hash of a spec."""
    stem = kube.dns_label(*parts, limit=kube.LABEL_LENGTH - _HASH - 1)
    return f"{stem}-{digest(spec)}"


def _request(target: Target, request: Request, preferred: Sequence[Condition]) -> Mapping[str, Any]:
    is_all = request.ask.match.resource.allocation_mode == "All"
    count = None if is_all else request.count
    if not preferred:
        return kube.request(target, request.name, request.device_class, count, request.selectors)
    more = [(condition.cel,) for condition in preferred]
    alternatives = [
        kube.subrequest(f"choice-{i}", request.device_class, count, (*request.selectors, *added))
        for i, added in enumerate([*more, ()], start=1)
    ]
    return kube.prioritized_request(target, request.name, alternatives)


def _comments(requests: Sequence[Request], uses: Sequence[Use]) -> dict[Field, str]:
    """Which container each request is for, where that is not plain."""
    said: dict[Field, str] = {}
    for number, request in enumerate(requests):
        users = [u.container for u in uses if request.name in u.requests]
        names = [c.name for c in users if c.role != "init"]
        together = len(names) > 1
        if together or len(requests) > 1:
            who = (
                f"containers {' and '.join(names)} together"
                if together
                else f"container {request.ask.container.name}"
            )
            said[("spec", "spec", "devices", "requests", number)] = (
                f"for {who}: {request.count} × {request.ask.resource}"
            )
    return said


def digest(body: Any) -> str:
    """The first digits of a hash of an object's content."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


def flavour(target: Target, request: Request) -> Creation:
    """A DeviceClass that holds the vendor's class selectors and those of a request.

    The name is short enough for the implicit resource name of the class.
    """
    both = tuple(dict.fromkeys((*vendor_class(request), *request.selectors)))
    noun = request.ask.match.resource.noun or "device"
    said = _said(request.selectors) or [noun, digest([both, request.device_class])]
    room = kube.LABEL_LENGTH - len(request.device_class) - 1
    name = f"{kube.dns_label(*said, limit=max(room, 1))}.{request.device_class}"
    if room < _SHORTEST:
        name = kube.dns_label(noun, digest([both, request.device_class]))
    body = kube.device_class(target, name, both)
    return Creation(body, {("spec", "selectors"): f"{request.device_class}, narrowed"})


def _said(selectors: Sequence[str]) -> list[str]:
    """The values that selectors compare with, where they say nothing but equalities."""
    if any(sign in cel for cel in selectors for sign in ("||", "!", "<", ">")):
        return []
    found = [_EQUAL.findall(cel) for cel in selectors]
    return [value for values in found for value in values] if all(found) else []


def served(ask: Ask, target: Target) -> Creation:
    """The DeviceClass that carries an extended resource's name, so that pods may keep it."""
    resource = ask.match.resource
    own = resource_selectors(ask)
    vendor = next((c for c in _classes(ask) if c.name == resource.device_class), None)
    selectors = (*(vendor.selectors if vendor else ()), *own)
    name = resource.device_class
    if own:
        name = f"{kube.dns_label(ask.resource.rpartition('/')[2])}.{ask.match.rule.driver}"
    body = kube.device_class(target, name, selectors, ask.resource)
    comment = f"serves pods that ask for {ask.resource}, on nodes whose plugin is gone"
    return Creation(body, {("spec", "extendedResourceName"): comment})


def vendor_class(request: Request) -> tuple[str, ...]:
    """The selectors of the vendor's own class of a request, as its rule knows them."""
    classes = _classes(request.ask)
    return next((c.selectors for c in classes if c.name == request.device_class), ())


def _classes(ask: Ask) -> tuple[DeviceClass, ...]:
    container = ask.match.rule.container
    return container.classes if container else ()


def with_class(
    requests: Iterable[Request], names: Mapping[tuple[str, tuple[str, ...]], str]
) -> tuple[Request, ...]:
    """The requests, asking for a flavour's class where there is one for their selectors."""
    return tuple(
        replace(r, device_class=names[key], selectors=()) if key in names else r
        for r in requests
        for key in [(r.device_class, r.selectors)]
    )
