"""Where kinds beside containers name an extended resource: quotas, queues, pools, schedulers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from migrate.kube.names import is_device_resource
from migrate.kube.paths import KEY, Path, is_at, steps
from migrate.kube.tables import table
from migrate.model import Field, Manifest, PhaseName, at

CLASS_QUOTA: Final = ".deviceclass.resource.k8s.io/devices"
"""What follows a DeviceClass's name in the key of a quota on its devices."""
CLAIM_COUNTS: Final = frozenset(
    {"count/resourceclaims.resource.k8s.io", "count/resourceclaimtemplates.resource.k8s.io"}
)
"""The keys of a quota on objects that claims are."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One place of a kind: the key there is a name, or the string is one or several.

    Shape: `names` is a resource, the beginning of some, a node label that the plugin's stack
    writes, or any node label that says which device a node has; `amount` is a key beside the
    string, or below the key; `why` is said instead of what is said of the kind.
    """

    names: Literal["resource", "prefix", "label", "device label"]
    path: Path
    amount: str = ""
    why: str = ""

    @property
    def is_key(self) -> bool:
        return self.path[-1].endswith(KEY)

    def named(self, field: Field, value: Any) -> tuple[str, ...]:
        """The names that stand at this place."""
        if self.is_key:
            is_amount = not isinstance(value, dict | list) or bool(self.amount)
            return (str(field[-1]).removeprefix(self.path[-1].removesuffix(KEY)),) * is_amount
        return tuple(map(str.strip, value.split(","))) if isinstance(value, str) else ()


@dataclass(frozen=True, slots=True)
class Bound:
    """What is known of a kind that bounds, or chooses by, resources that it does not ask for.

    Shape: `is_quota` where Kubernetes itself counts against the map of names, as ResourceQuota
    does; `advertises` where it is the kind that puts the resource on nodes; `phase` is when a
    person changes it; `why` and `notes` have holes; `later` and `sooner` are further notes for
    targets with and without DRAExtendedResource. `settled_by` is the kind, with its group, in which
    it is said what claims are charged to, and `settled` what is said instead of that where such an
    object is at hand; `settles` is the list in it. Names that begin with one of `ignores` are none.
    """

    spots: tuple[Spot, ...]
    is_quota: bool = False
    advertises: bool = False
    phase: PhaseName = "prepare"
    why: str = ""
    notes: tuple[str, ...] = ()
    later: str = ""
    sooner: str = ""
    settled_by: str = ""
    settled: str = ""
    settles: Field = ()
    ignores: tuple[str, ...] = ()


@cache
def bound(group: str, kind: str) -> Bound | None:
    """What is known of a kind, None where it is not known to bound anything."""
    entry = table("quota")["kinds"].get(f"{group}/{kind}") if kind else None
    if entry is None:
        return None
    return Bound(
        spots=tuple(_spots(entry)),
        is_quota=bool(entry.get("quota")),
        advertises=bool(entry.get("advertises")),
        phase=entry.get("phase", "prepare"),
        why=entry.get("why", ""),
        notes=tuple(entry.get("notes", ())),
        later=entry.get("later", ""),
        sooner=entry.get("sooner", ""),
        settled_by=entry.get("settled_by", ""),
        settled=entry.get("settled", ""),
        settles=steps(entry["settles"]) if "settles" in entry else (),
        ignores=tuple(entry.get("ignores", ())),
    )


def _spots(entry: Mapping[str, Any]) -> Iterator[Spot]:
    whys = entry.get("whys", {})
    for path, amount in entry.get("resources", {}).items():
        yield Spot("resource", steps(path), amount, whys.get(path, ""))
    for path in entry.get("prefixes", ()):
        yield Spot("prefix", steps(path), why=whys.get(path, ""))
    for path, amount in entry.get("labels", {}).items():
        yield Spot("label", steps(path), amount)
    for path, amount in entry.get("device_labels", {}).items():
        yield Spot("device label", steps(path), amount)


def spot(group: str, kind: str, field: Field) -> Spot | None:
    """The place of this kind that `field` is, None where it is none."""
    known = bound(group, kind)
    return next((s for s in known.spots if _is_at(s.path, field)), None) if known else None


def _is_at(path: Path, field: Field) -> bool:
    """Whether a path leads to a field; one that begins with `**` does from anywhere above it."""
    if path[0] != "**":
        return is_at(path, field)
    return len(field) >= len(path) - 1 and is_at(path[1:], field[1 - len(path) :])


def is_device_bound(key: str) -> bool:
    """Whether a key of a quota, of any form, bounds a resource that a device plugin hands out.

    Shape: a key that nothing is charged to is one, if it names such a resource.
    """
    known = table("quota")["other_keys"]
    if any(
        key.startswith(other.get("begins", "\0"))
        or other.get("holds", "\0") in key
        or key in other.get("names", ())
        for other in known
    ):
        return False
    return is_device_resource(key.removeprefix("requests.").removeprefix("limits."))


def bounded(manifest: Manifest) -> str:
    """The namespace whose pods a quota bounds, "" where it does not say."""
    entry = table("quota")["kinds"].get(f"{manifest.group}/{manifest.kind}", {})
    return manifest.name if entry.get("quota") == "name" else manifest.namespace


def is_bounded(manifest: Manifest, namespace: str) -> bool:
    """Whether pods of this namespace, "" if that is not said, may be those a quota bounds."""
    space = bounded(manifest)
    return not space or namespace in {"", space}


def file_kind(body: Any) -> str:
    """The name under which a file without a kind is known, by the keys that only it has; or ""."""
    for name, entry in table("quota")["kinds"].items():
        keys = entry.get("keys")
        if not keys or not isinstance(body, Mapping) or not isinstance(body.get(keys[0]), list):
            continue
        if all(key in body for key in keys):
            return str(name).removeprefix("/")
    return ""


@cache
def bound_words() -> tuple[str, ...]:
    """What a text with an object of a known kind has in it: the kind, or a key of the file."""
    kinds = table("quota")["kinds"].items()
    return tuple(
        entry.get("keys", [name.rpartition("/")[2]])[0]
        for name, entry in kinds
        if not entry.get("quota")
    )


def settling() -> tuple[str, ...]:
    """The groups of kinds that matter beside a bound even if they name no resource."""
    kinds = table("quota")["kinds"].values()
    return tuple(
        dict.fromkeys(e["settled_by"].partition("/")[0] for e in kinds if "settled_by" in e)
    )


def charged(body: Any, settles: Field) -> dict[str, str]:
    """Per DeviceClass, the resource that a queue charges its claims to, as this object says.

    Source: of the kind, in data/quota.json (DeviceClassMapping)
    """
    listed = at(body, settles)
    return {
        device_class: str(item.get("name"))
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, Mapping) and isinstance(item.get("deviceClassNames"), list)
        for device_class in item["deviceClassNames"]
        if isinstance(device_class, str)
    }


def class_quota(device_class: str) -> str:
    """The key of a ResourceQuota that bounds the devices claimed from a class.

    Source: kubernetes/kubernetes pkg/quota/v1/evaluator/core/resource_claims.go
    """
    return f"{device_class}{CLASS_QUOTA}"
