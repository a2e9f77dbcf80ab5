"""What was found, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from migrate.model.objects import Field, Manifest

Usage = Literal["container", "placement", "runtime", "quota", "plugin", "telemetry", "dra"]
Shape = Literal["pod", "bare", "embedded", "comment", "value", "text", "unread"]
Safety = Literal["safe", "review", "manual"]
Disruption = Literal["none", "rollout", "recreate"]
Strategy = Literal["bridge", "class", "claim", ""]
PhaseName = Literal["prepare", "bridge", "claim", "retire"]

USAGES: Final[tuple[Usage, ...]] = (
    "container",
    "placement",
    "runtime",
    "quota",
    "plugin",
    "telemetry",
    "dra",
)
PHASES: Final[tuple[PhaseName, ...]] = ("prepare", "bridge", "claim", "retire")


@dataclass(frozen=True, slots=True)
class Finding:
    """One dependence on a device plugin, at one place.

    Shape: `field` is the path of the key inside `manifest.body`; `resource` is the extended
    resource, label key, variable or path found; `quantity` is its value as text; `rule` is the
    name of the rule that knows it, "" where none does; `line` and `column` count from 1.
    """

    usage: Usage
    manifest: Manifest
    field: Field
    resource: str
    quantity: str
    rule: str
    line: int
    column: int
    shape: Shape = "pod"
    container: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster that is planned for.

    Shape: `minor` is the minor version of Kubernetes 1; `api_version` the newest of
    `resource.k8s.io` it serves by default or behind a flag; `gates` the DRA feature gates that are
    on; `asked` how it is known (flag, cluster, snapshot).
    """

    minor: int
    api_version: str
    gates: frozenset[str]
    asked: str = "flag"

    @property
    def kubernetes(self) -> str:
        """The version as people write it, `1.34`."""
        return f"1.{self.minor}"


@dataclass(frozen=True, slots=True)
class Edit:
    """One field, `old` → `new`; ABSENT as old adds, as new removes; swapped it is the undo.

    Fields of one set of edits all count list items as they stand before any of the edits.
    """

    field: Field
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Creation:
    """An object to create, with comments (`field` → text) where a choice needs one."""

    body: Mapping[str, Any]
    comments: Mapping[Field, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"].get("namespace", ""))

    @property
    def is_cluster_scoped(self) -> bool:
        return self.kind == "DeviceClass"


@dataclass(frozen=True, slots=True)
class Change:
    """The smallest thing a person accepts or declines.

    Shape: all `edits` are of `manifest`; a change without edits and creations is `manual` and
    `why` says why; `before` and `after` are what a person reads, a line each; `notes` are said
    beside it; `lighter` is the next lighter strategy and what stands against it.
    """

    phase: PhaseName
    manifest: Manifest | None
    findings: tuple[Finding, ...]
    edits: tuple[Edit, ...] = ()
    creates: tuple[Creation, ...] = ()
    safety: Safety = "manual"
    disruption: Disruption = "none"
    strategy: Strategy = ""
    why: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lighter: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold, in words, and the read-only question that shows it."""

    says: str
    ask: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of the rollout."""

    name: PhaseName
    who: str
    changes: tuple[Change, ...] = ()
    creates: tuple[Creation, ...] = ()
    before: tuple[Check, ...] = ()
    after: tuple[Check, ...] = ()
    back: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The rollout: always four phases, some of them empty."""

    target: Target
    phases: tuple[Phase, ...]
    assumptions: tuple[str, ...] = ()
    version: int = 1
