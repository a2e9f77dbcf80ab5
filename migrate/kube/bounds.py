"""Where kinds beside containers name an extended resource: quotas, queues, pools, schedulers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from migrate.kube.paths import Path, is_at, steps
from migrate.kube.tables import table
from migrate.model import Field

CLASS_QUOTA: Final = ".deviceclass.resource.k8s.io/devices"
"""What follows a DeviceClass's name in the key of a quota on its devices."""
CLAIM_COUNTS: Final = frozenset(
    {"count/resourceclaims.resource.k8s.io", "count/resourceclaimtemplates.resource.k8s.io"}
)
"""The keys of a quota on objects that claims are."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One place of a kind: the key there, or the string, is a name; `amount` is a key beside it.

    Shape: `names` is a resource, a node label that the plugin's stack writes, or any node label
    that says which device a node has.
    """

    names: Literal["resource", "label", "device label"]
    path: Path
    amount: str

    @property
    def is_key(self) -> bool:
        return self.path[-1] == "{key}"


@dataclass(frozen=True, slots=True)
class Bound:
    """What is known of a kind that bounds, or chooses by, resources that it does not ask for.

    Shape: `is_quota` where Kubernetes itself counts against the map of names, as ResourceQuota
    does; `why` and `notes` have holes; `later` and `sooner` are further notes for targets with
    and without DRAExtendedResource.
    """

    spots: tuple[Spot, ...]
    is_quota: bool = False
    why: str = ""
    notes: tuple[str, ...] = ()
    later: str = ""
    sooner: str = ""


@cache
def bound(group: str, kind: str) -> Bound | None:
    """What is known of a kind, None where it is not known to bound anything."""
    entry = table("quota")["kinds"].get(f"{group}/{kind}") if kind else None
    if entry is None:
        return None
    return Bound(
        spots=(
            *(Spot("resource", steps(p), by) for p, by in entry.get("resources", {}).items()),
            *(Spot("label", steps(p), by) for p, by in entry.get("labels", {}).items()),
            *(
                Spot("device label", steps(p), by)
                for p, by in entry.get("device_labels", {}).items()
            ),
        ),
        is_quota=bool(entry.get("quota")),
        why=entry.get("why", ""),
        notes=tuple(entry.get("notes", ())),
        later=entry.get("later", ""),
        sooner=entry.get("sooner", ""),
    )


def spot(group: str, kind: str, field: Field) -> Spot | None:
    """The place of this kind that `field` is, None where it is none."""
    known = bound(group, kind)
    return next((s for s in known.spots if is_at(s.path, field)), None) if known else None


def class_quota(device_class: str) -> str:
    """The key of a ResourceQuota that bounds the devices claimed from a class.

    Source: kubernetes/kubernetes pkg/quota/v1/evaluator/core/resource_claims.go
    """
    return f"{device_class}{CLASS_QUOTA}"
