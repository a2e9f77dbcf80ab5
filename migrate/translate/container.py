"""What containers ask for, and the requests of a claim that answer it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from migrate import kube
from migrate.model import ABSENT, Edit, Field, Finding, as_text
from migrate.read import ruleset
from migrate.translate import carriers
from migrate.translate.context import Context, because, joined


@dataclass(frozen=True, slots=True)
class Ask:
    """One container's whole number of devices of one extended resource."""

    container: kube.Container
    resource: str
    count: int
    match: ruleset.Match


@dataclass(frozen=True, slots=True)
class Asked:
    """What the containers of one pod ask for.

    Shape: `asks` can be answered by a claim (a count of 0 asks for nothing); `refused` says, a
    sentence each, what cannot; `other` are names without an exact rule, with the reason.
    """

    asks: tuple[Ask, ...]
    refused: tuple[str, ...]
    other: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a claim."""

    name: str
    ask: Ask
    count: int
    device_class: str
    selectors: tuple[str, ...]
    is_common: bool = False
    """Whether other pods use the same devices, by naming the same claim."""


@dataclass(frozen=True, slots=True)
class Use:
    """The requests that one container uses."""

    container: kube.Container
    requests: tuple[str, ...]


def asked(pod: kube.PodSpec, context: Context) -> Asked:
    """What this pod asks for, read from its containers' limits and requests."""
    asks: list[Ask] = []
    refused: list[str] = []
    other: dict[str, str] = {}
    for container in pod.containers:
        limits, requests = (_map(container.body, key) for key in ("limits", "requests"))
        for name in dict.fromkeys([*limits, *requests]):
            if not kube.is_device_resource(name):
                continue
            match = carriers.resource(name, context)
            if match is None or not (match.resource.maps == "exact" or match.resource.share):
                other[name] = unmapped(match)
                refused += _divided(match, {*limits, *requests})
                continue
            limit, request = limits.get(name, ABSENT), requests.get(name, ABSENT)
            reason = _refusal(container, name, limit, request)
            if reason:
                refused.append(reason)
            else:
                asks.append(Ask(container, name, kube.whole(limit) or 0, match))
    refused += _together(asks)
    return Asked(tuple(asks), tuple(dict.fromkeys(refused)), tuple(other.items()))


def _map(container: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    resources = container.get("resources")
    found = resources.get(key) if isinstance(resources, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _together(asks: Iterable[Ask]) -> list[str]:
    """Why containers cannot each ask for devices that are given out a whole node at a time."""
    users = Counter(
        ask.resource
        for ask in asks
        if ask.count
        and ask.container.role != "init"
        and ask.match.resource.allocation_mode == "All"
    )
    return [
        f"{number} containers ask for {name}, and all of a node's are given out together: "
        "let the containers share one claim"
        for name, number in users.items()
        if number > 1
    ]


def _divided(match: ruleset.Match | None, beside: set[str]) -> list[str]:
    """Why resources that a container asks for beside this one are no whole devices."""
    if match is None:
        return []
    name = match.resource.name or match.resource.pattern
    return [
        because(f"{divided} beside {name} is not a whole device", match.resource.why)
        for divided in match.resource.divides
        if divided in beside
    ]


def unmapped(match: ruleset.Match | None) -> str:
    """Why no claim is made for a resource."""
    if match is None:
        return "no rule knows this resource: see 'dra-migrate rules list'"
    instead = f"instead: {match.resource.instead}" if match.resource.instead else ""
    return joined((match.resource.why, instead))


def _refusal(container: kube.Container, name: str, limit: Any, request: Any) -> str:
    """Why this count cannot become a claim, "" where it can."""
    if container.role == "ephemeral":
        return f"{container.name} is an ephemeral container: it cannot use a claim"
    if limit is ABSENT:
        return f"only requests ask for {name}, and Kubernetes wants the limit as well: add it"
    count = kube.whole(limit)
    if count is None:
        return not_a_count(name, limit)
    if request is not ABSENT and kube.whole(request) != count:
        return (
            f"limits ask for {as_text(limit)} and requests for {as_text(request)} {name}: "
            "they must be equal"
        )
    if count > kube.DEVICES_PER_CLAIM:
        return f"{count} {name} in one container: a claim holds {kube.DEVICES_PER_CLAIM} devices"
    return ""


def not_a_count(name: str, value: Any) -> str:
    """Why a value is no whole number of a resource, and what to do."""
    said = as_text(value)
    if isinstance(value, Mapping | list):
        return f"the count of {name} is filled in by a template: plan the rendered output"
    if "$" in said or "{" in said:
        return f"the count of {name} is a variable, {said}: plan the rendered output, or set it"
    if value is None or not said:
        return f"the count of {name} is empty: set it"
    if kube.quantity(value) is not None:
        return f"{name}: {said} is a quantity, not a number of devices"
    return f"{name}: {said} is not a number: set it"


def requests(
    asks: Iterable[Ask],
    selectors: Mapping[str, tuple[str, ...]],
    classes: Mapping[str, str],
    together: frozenset[str] = frozenset(),
    common: frozenset[str] = frozenset(),
) -> tuple[tuple[Request, ...], tuple[Use, ...]]:
    """The requests of a pod and which container uses which.

    Containers that ask separately get separate devices. A container that runs to its end before
    the others start (a non-restartable init container) uses the devices of a later one, as a
    device plugin's accounting lets it; only what it asks for beyond that is requested for itself.
    `selectors` and `classes` are, per driver, what placement adds to the requests; of the resources
    in `together` all containers use the same devices, and of those in `common` other pods too.
    Source: Kubernetes KEP-5004, `createRequestsAndMappings` of the scheduler.
    """
    counted = [ask for ask in asks if ask.count]
    made: list[tuple[Ask, int]] = []
    uses: list[tuple[Ask, list[int]]] = []
    running = [a for a in counted if a.container.role != "init"]
    first = [a for a in counted if a.container.role == "init"]
    for resource in dict.fromkeys(a.resource for a in counted if a.resource in together):
        same = [a for a in (*running, *first) if a.resource == resource]
        uses += [(ask, [len(made)]) for ask in same]
        made.append((same[0], same[0].count))
    for ask in [a for a in running if a.resource not in together]:
        uses.append((ask, [len(made)]))
        made.append((ask, ask.count))
    first = [a for a in first if a.resource not in together]
    for ask in reversed(first):
        used = _reused(ask, made)
        missing = ask.count - sum(made[i][1] for i in used)
        if missing > 0:
            used.append(len(made))
            made.append((ask, missing))
        uses.append((ask, used))
    names = _names([ask for ask, _ in made], together)
    built = tuple(
        replace(request, is_common=ask.resource in common)
        for name, (ask, count) in zip(names, made, strict=True)
        for request in [_request(name, ask, count, selectors, classes)]
    )
    return built, _uses(uses, names)


def _request(
    name: str,
    ask: Ask,
    count: int,
    selectors: Mapping[str, tuple[str, ...]],
    classes: Mapping[str, str],
) -> Request:
    driver = ask.match.rule.driver
    own = resource_selectors(ask)
    return Request(
        name=name,
        ask=ask,
        count=count,
        device_class=classes.get(driver, "") or ask.match.resource.device_class,
        selectors=tuple(dict.fromkeys((*own, *selectors.get(driver, ())))),
    )


def is_all(ask: Ask) -> bool:
    """Whether the resource stands for every device of the node, whatever the count."""
    return ask.match.resource.allocation_mode == "All"


def resource_selectors(ask: Ask) -> tuple[str, ...]:
    """What the resource's own name says of its devices (a MIG profile)."""
    resource = ask.match.resource
    return tuple(
        ruleset.expression(s, ask.match.groups, resource.groups) for s in resource.selectors
    )


def _reused(ask: Ask, made: list[tuple[Ask, int]]) -> list[int]:
    """The requests of other containers to use: the smallest that is enough, else several."""
    same = [
        i
        for i, (other, _) in enumerate(made)
        if other.resource == ask.resource and not _is_running(other.container, ask.container)
    ]
    enough = [i for i in same if made[i][1] >= ask.count]
    if enough:
        return [min(enough, key=lambda i: made[i][1])]
    used: list[int] = []
    for i in sorted(same, key=lambda i: -made[i][1]):
        if sum(made[j][1] for j in used) >= ask.count:
            break
        used.append(i)
    return sorted(used)


def _is_running(other: kube.Container, init: kube.Container) -> bool:
    """Whether a sidecar has started, and holds its devices, when an init container runs."""
    return other.role == "sidecar" and other.field[-1] < init.field[-1]  # type: ignore[operator]


def _names(asks: list[Ask], together: frozenset[str]) -> list[str]:
    """A DNS label for every request, short where nothing needs telling apart."""
    nouns = [ask.match.resource.noun or "device" for ask in asks]
    if len(asks) == 1:
        return nouns
    containers = [ask.container.name or f"container-{i}" for i, ask in enumerate(asks)]
    alone = len(set(containers)) == len(containers)
    names: list[str] = []
    for ask, container, noun in zip(asks, containers, nouns, strict=True):
        parts = (container,) if alone else (container, noun)
        names.append(told_apart(names, *((noun,) if ask.resource in together else parts)))
    return names


def told_apart(taken: Iterable[str], *parts: str) -> str:
    """A DNS label of these parts, with a number behind it if the label is taken."""
    known = set(taken)
    name, number = kube.dns_label(*parts), 2
    while name in known:
        end = f"-{number}"
        name = kube.dns_label(*parts, limit=kube.LABEL_LENGTH - len(end)) + end
        number += 1
    return name


def _uses(uses: list[tuple[Ask, list[int]]], names: list[str]) -> tuple[Use, ...]:
    """Uses gathered per container, in the order of the pod."""
    gathered: dict[Field, Use] = {}
    for ask, numbers in uses:
        field = ask.container.field
        use = gathered.get(field, Use(ask.container, ()))
        added = (*use.requests, *(names[i] for i in numbers))
        gathered[field] = replace(use, requests=tuple(dict.fromkeys(added)))
    return tuple(gathered.values())


def removals(asks: Iterable[Ask]) -> tuple[Edit, ...]:
    """Edits that take the extended resources out of limits and requests."""
    edits: list[Edit] = []
    for ask in asks:
        for key in ("limits", "requests"):
            old = _map(ask.container.body, key).get(ask.resource, ABSENT)
            if old is not ABSENT:
                field = (*ask.container.field, "resources", key, ask.resource)
                edits.append(Edit(field, old, ABSENT))
    return tuple(edits)


def renames(asks: Iterable[Ask], names: Mapping[str, str]) -> tuple[Edit, ...]:
    """Edits that ask for a class by its implicit resource name instead; `names` per resource."""
    edits: list[Edit] = []
    for ask in asks:
        for edit in removals([ask]):
            field = (*edit.field[:-1], names[ask.resource])
            edits += [edit, Edit(field, ABSENT, edit.old)]
    return tuple(edits)


def of_pod(findings: Iterable[Finding], pod: kube.PodSpec) -> tuple[Finding, ...]:
    """The findings that stand inside a pod; what stands in a string there is none of its fields."""
    return tuple(f for f in findings if not f.note and pod.holds(f.field))
