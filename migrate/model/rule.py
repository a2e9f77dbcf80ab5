"""Rules: read from rules/<vendor>/<family>.yaml, and checked by `migrate.read`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

Maps = Literal["exact", "approx", "none"]
AllocationMode = Literal["ExactCount", "All"]
_STRICT: Final = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One extended resource name, or a family of names, and the devices that answer for it."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    name: str = ""
    """The exact name, `example.com/gpu`; or leave it and give `pattern`."""
    pattern: str = ""
    """A regular expression that the whole name must match; its named groups may be used in `selectors`."""
    maps: Maps
    """exact: one unit is one whole device of the class. approx: a person decides. none: nothing answers."""
    device_class: str = ""
    """The vendor's DeviceClass, "" where there is none."""
    allocation_mode: AllocationMode = "ExactCount"
    """ExactCount: the claim asks for the count. All: for all devices of a node, where the driver gives them out together only; `why` says so."""
    selectors: tuple[str, ...] = ()
    """CEL selectors of the request, with `{group}` for the groups of `pattern` (their text is quoted by `groups`)."""
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Per group, plain replacements made in the order given before it is put into a selector."""
    divides: tuple[str, ...] = ()
    """Resources of which a container that also asks for this one gets a share, not whole devices."""
    share: bool = False
    """Whether one unit is a share of a device of the class, which other pods use at the same time."""
    noun: str = ""
    """A short DNS label that claims and requests are named by: gpu, mig, nic."""
    why: str = ""
    """Why the mapping is not exact, in one sentence; required unless `maps` is exact."""
    instead: str = ""
    """What the vendor offers instead."""
    source: str = ""
    """Where the fact was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelValue:
    """What one form of a label's value says about a device; the first form that matches is used."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    match: str = ".*"
    """A regular expression that the whole value must match; its named groups may be used in `cel`."""
    maps: Maps
    """exact: the same fact, per device. approx or none: the label stays and is reported."""
    cel: str = ""
    """A CEL expression, with `{value}` or `{group}`, that is true for the devices meant; "" where the class alone says it."""
    device_class: str = ""
    """The class that the request must name instead, where the value says so (MIG)."""
    part: bool = False
    """Whether a unit counted on such a node is a part of a device, or a share that no claim can be."""
    share: bool = False
    """Whether a unit counted on such a node is a share of a device, which other pods use at the same time."""
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Per group (or `value`), plain replacements made before it is put into `cel`."""
    why: str = ""
    """What is lost or to be known; a warning in the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A node label that pods are placed by."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    key: str = ""
    """The exact key; or leave it and give `pattern`."""
    pattern: str = ""
    """A regular expression that the whole key must match."""
    writer: Literal["plugin", "cloud", "admin"]
    """Who writes it: the plugin's stack (it goes when the plugin goes), a cloud or autoscaler, the administrator."""
    guard: str = ""
    """A CEL expression that is true when the device has the attribute; put before every use of it."""
    classes: tuple[str, ...] = ()
    """The resources' classes that it speaks of; of every class of the driver where none is given."""
    number: str = ""
    """A CEL integer expression for the operators Gt and Lt, "" where they have no meaning."""
    values: tuple[LabelValue, ...] = ()
    """The forms of the value, most particular first; none means that the label says nothing about a device."""
    why: str = ""
    """What the label means and why it stays or goes."""
    source: str = ""
    """Where the fact was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A toleration that admission adds because of the resource name."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    key: str
    """The taint's key."""
    effect: str = "NoSchedule"
    """The taint's effect."""
    why: str
    """Who adds it."""
    source: str = ""
    """Where the fact was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceClass:
    """A DeviceClass that the vendor's driver brings."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    name: str
    """metadata.name"""
    selectors: tuple[str, ...]
    """The class's own CEL selectors, as the vendor's chart renders them."""
    extended_resource_name: str = ""
    """spec.extendedResourceName as the vendor's newest chart sets it, "" where it does not."""
    why: str = ""
    """Which releases bring it, and what differs between them."""
    source: str = ""
    """Where the fact was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage:
    """Extended resources in limits and requests."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    resources: tuple[Resource, ...]
    """The names this rule answers for."""
    classes: tuple[DeviceClass, ...] = ()
    """The classes its driver brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementUsage:
    """Node labels and tolerations."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    labels: tuple[Label, ...] = ()
    """The labels that this family's stack, or a cloud, writes."""
    tolerations: tuple[Toleration, ...] = ()
    """What admission adds to pods that ask for this family's resources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A name that ties a pod to a plugin: a variable, a runtime class, a path, an annotation."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    name: str = ""
    """The exact name or value; or leave it and give `pattern`."""
    pattern: str = ""
    """A regular expression that the whole name or value must match."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Per value that is harmless, what is to be said of it instead of `why`."""
    warns: bool = False
    """Whether it is a danger next to a claim (devices come in past the allocation)."""
    part: bool = False
    """Whether a unit counted in such a pod is a share, or is chosen in a way that no claim carries."""
    why: str
    """What becomes of it under DRA, in one sentence."""
    source: str = ""
    """Where the fact was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeUsage:
    """Environment, runtime classes, annotations, schedulers and device paths."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    env: tuple[Marker, ...] = ()
    """Environment variables of containers."""
    runtime_classes: tuple[Marker, ...] = ()
    """Values of runtimeClassName."""
    host_paths: tuple[Marker, ...] = ()
    """hostPath volumes."""
    annotations: tuple[Marker, ...] = ()
    """Annotations of pods."""
    schedulers: tuple[Marker, ...] = ()
    """Values of schedulerName."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """A plugin setting under which a count no longer means whole devices."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    key: str
    """The setting's key, wherever it stands in a configuration: timeSlicing, mps, sharedDevNum."""
    also: tuple[str, ...] = ()
    """Other spellings: an argument, a variable, or two keys with a dot between, one below the other."""
    values: tuple[str, ...] = ()
    """Words that turn it on, beside numbers above 1 and lists of replicated resources."""
    unless: tuple[str, ...] = ()
    """Values that turn it off."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """Keys below the setting that are true where shares have a name of their own, and how that name ends."""
    perhaps: bool = False
    """Whether a count may mean whole devices all the same: said of the plugin, not of every pod."""
    shares: str = ""
    """How the driver gives out such shares to claims, in one sentence; "" where it cannot."""
    gate: str = ""
    """The feature gate of Kubernetes that `shares` needs."""
    why: str
    """What becomes of the sharing under DRA."""
    source: str = ""
    """Where the fact was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the plugin's stack: how it is known in manifests, and what is to be done with it.

    Known by any one of `images`, `kinds`, `charts`, or by `keys`.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    name: str
    """What it is, for people: device plugin, feature discovery, operator."""
    images: tuple[str, ...] = ()
    """Regular expressions, one of which the whole image must match, or image and command with blanks between."""
    kinds: tuple[str, ...] = ()
    """Kinds of the objects that set it up, each `<group>/<Kind>`."""
    charts: tuple[str, ...] = ()
    """Names of the charts, or of the packages of an operator catalog, that bring it."""
    keys: tuple[str, ...] = ()
    """Keys that stand together in its settings and nowhere else; `a|b` is either of two."""
    disabled_by: Mapping[str, bool | int | str] = field(default_factory=dict)
    """What switches it off: keys as `helm --set` writes them, below the chart's values or the object's spec; the first says whether it is off, the others go with it."""
    goes: bool = True
    """Whether it is to go once nothing asks the plugin any more."""
    nodes: str = ""
    """How it is kept off the nodes that the driver serves, in one sentence."""
    why: str
    """What becomes of it, in one sentence."""
    source: str = ""
    """Where the fact was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginUsage:
    """The device plugin itself and its settings."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    parts: tuple[Part, ...] = ()
    """The plugin, what runs beside it, and what sets them up."""
    sharing: tuple[Sharing, ...] = ()
    """Settings that make several pods share a device."""
    exclusive: str = ""
    """What must hold so that plugin and driver never own one device on one node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryUsage:
    """Metrics of the vendor's exporter."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    metrics: tuple[Marker, ...] = ()
    """Metrics that carry the pod which uses a device; `why` says what the exporter needs under DRA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What replaces the extended resources of one device family."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    name: str
    """<vendor>/<family>, as the file is called."""
    title: str
    """The family, for people."""
    driver: str = ""
    """The DRA driver's name, "" where there is none."""
    maturity: str = ""
    """How far the driver is, in one sentence."""
    sources: tuple[str, ...]
    """Repository, commit and path, or document, of every fact of this file."""
    requires: tuple[str, ...] = ()
    """What the vendor asks for: versions, switches, node labels."""
    limits: tuple[str, ...] = ()
    """What the driver cannot do that the plugin could."""
    container: ContainerUsage | None = None
    placement: PlacementUsage | None = None
    runtime: RuntimeUsage | None = None
    plugin: PluginUsage | None = None
    telemetry: TelemetryUsage | None = None

    def part(self, name: str) -> Part | None:
        """The part of the plugin's stack that is called so."""
        parts = self.plugin.parts if self.plugin else ()
        return next((part for part in parts if part.name == name), None)
