"""Which kinds keep claims in their pod templates, and what an edit there restarts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from migrate.kube.names import whole
from migrate.kube.paths import Path, leads, steps
from migrate.kube.tables import table
from migrate.model import Disruption, Field, at

Support = Literal["keeps", "drops", "varies", "unknown"]

_BUILT_IN: Final = {
    "": ("Pod", "PodTemplate", "ReplicationController"),
    "apps": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "batch": ("CronJob", "Job"),
}
_CONTAINER_LISTS: Final = ("containers", "initContainers", "ephemeralContainers")
_RESOURCE_KEYS: Final = ("limits", "requests", "claims")
_VALUES: Final = (
    "`resources` stands in the values of a chart, whose templates say whether claims can: plan "
    "what it is rendered to"
)


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a place where a pod spec, or `resources` outside a container, stands.

    Shape: `support` says whether claims written there arrive: keeps, drops, varies (between
    releases), unknown; `switch` is the field where the kind itself takes claims, "" where none is
    known; `why` is said in the report beside the switch, "" where the place keeps claims.
    """

    support: Support
    switch: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """One known place of a kind; `support` is "" where only the switch or the reason is known."""

    path: Path
    support: Support | Literal["bare", ""]
    switch: str = ""
    why: str = ""


def place(api_version: str, kind: str, field: Field) -> Place:
    """What is known of `field` of a kind: the path of a pod spec, or of anything inside it.

    A path through `resources` that no list of containers leads to is one outside a container.
    """
    group = api_version.rpartition("/")[0]
    if kind in _BUILT_IN.get("apps" if group == "extensions" else group, ()):
        return Place("keeps")
    kinds = _known(f"{group}/{kind}") if kind else ()
    if not kinds:
        return _unlisted(f"{group}/{kind}", kind, field)
    around = [known for known in kinds if leads(known.path, field)]
    told = _last(known for known in around if known.why)
    at = _last(known for known in around if known.support)
    switch = _written(field, told.path, told.switch) if told and told.switch else ""
    why = told.why if told else ""
    if _is_bare(field) or (at and at.support == "bare"):
        pod = _last(known for known in around if known.support == "keeps")
        if pod and not why:
            switch = _written(field, pod.path, "resourceClaims")
        return Place("drops", switch, why or _why_bare(switch))
    support: Support = at.support if at and at.support and at.support != "bare" else "unknown"
    return Place(support, switch, why or _why(kind, at.path if at else (), support))


def readers(group: str, kind: str, body: Any, resources: Iterable[str]) -> tuple[str, ...]:
    """What a framework reads of these resources of a kind itself, a sentence each.

    `body` is the object, which may say what the framework would read.
    """
    names = tuple(resources)
    return tuple(
        entry["why"]
        for key in (group, f"{group}/{kind}")
        for entry in table("readers")["of"].get(key, ())
        if any(re.fullmatch(entry.get("resources", ".*"), name) for name in names)
        and all(whole(at(body, steps(path))) is None for path in entry.get("unless", ()))
    )


def restart(kind: str) -> Disruption:
    """What an edit of a pod template of this kind does to the pods that run.

    Kinds that run to completion do not take a new template: they are made again. Kinds that make
    others later, and templates, leave what runs alone.
    """
    if "Cron" in kind or kind.startswith("Scheduled") or kind.endswith("Template"):
        return "none"
    if kind in ("Pod", "ReplicaSet", "ReplicationController", "JobSet", "Workflow"):
        return "recreate"
    return "recreate" if kind.endswith("Job") else "rollout"


def _unlisted(name: str, kind: str, field: Field) -> Place:
    if _is_bare(field) and (not kind or name in table("charts")["kinds"]):
        return Place("drops", why=_VALUES)
    if _is_bare(field):
        why = "`resources` stands outside a container, and nothing there names claims of a pod"
        return Place("drops", why=why)
    if not kind:
        return Place("unknown", why="not a Kubernetes object: what reads it decides what arrives")
    why = f"the schema of {kind} is not known here: its definition may drop `resourceClaims`"
    return Place("unknown", why=why)


def _why(kind: str, path: Path, support: Support) -> str:
    where = f"{kind} at `{'.'.join(path)}`" if path else kind
    return {
        "keeps": "",
        "drops": f"the schema of {where} has no `resourceClaims`: the API server would drop it",
        "varies": f"whether {where} keeps `resourceClaims` depends on the release installed",
        "unknown": f"nothing is known of this place in {kind}: it may drop `resourceClaims`",
    }[support]


def _why_bare(switch: str) -> str:
    why = "`resources` stands outside a container"
    return why if switch else f"{why}, and the kind has no field for claims"


def _last(known: Iterable[_Known]) -> _Known | None:
    """The place with the longest path, the later one of two equals, None of none."""
    return max(enumerate(known), key=lambda k: (len(k[1].path), k[0]), default=(0, None))[1]


def _written(field: Field, path: Path, switch: str) -> str:
    """The path of a switch as it stands in this object: the numbers and keys of `field`."""
    said = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in field[: len(path)])
    return f"{''.join(said)}.{switch}".lstrip(".")


def _is_bare(field: Field) -> bool:
    """Whether `field` is, or stands in, a container's `resources` that no container holds."""
    if "resources" not in field:
        return False
    at = len(field) - 1 - field[::-1].index("resources")
    match field[:at]:
        case (*_, str(holder), int()) if holder in _CONTAINER_LISTS:
            return False
    return all(key in _RESOURCE_KEYS for key in field[at + 1 : at + 2])


@cache
def _known(name: str) -> tuple[_Known, ...]:
    """The known places of one kind; what is written by hand stands behind what schemas say."""
    by_schema = table("kinds")["kinds"].get(name, {})
    by_hand = table("switches")["kinds"].get(name, ())
    return (
        *(_Known(steps(path), support) for path, support in by_schema.get("pods", {}).items()),
        *(_Known(steps(path), "bare") for path in by_schema.get("bare", ())),
        *(
            _Known(steps(e["at"]), e.get("support", ""), e.get("switch", ""), e["why"])
            for e in by_hand
        ),
    )
