"""Where rules no longer agree with what a driver brings: its DeviceClasses and ResourceSlices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from migrate import kube
from migrate.kube import upgrade
from migrate.model import ABSENT, DeviceClass, Field, Manifest, Rule, at
from migrate.read.expression import tokens

Level = Literal["drift", "info"]
Feature = tuple[str, str, str]
"""`attributes` or `capacity`, the domain, and the identifier."""

_DRIVER: Final = re.compile(r"""\bdevice\.driver\s*==\s*(?:"([^"\s]*)"|'([^'\s]*)')""")
_FEATURE: Final = re.compile(
    r"""\bdevice\.(attributes|capacity)\[(?:"([^"]*)"|'([^']*)')\]\.\??([A-Za-z_]\w*)"""
)
_IS: Final = re.compile(_FEATURE.pattern + r"""\s*==\s*(?:"([^"]*)"|'([^']*)')""")
_HOLES: Final = re.compile(r"\{\{|\{%|\$\{")


@dataclass(frozen=True, slots=True)
class Drift:
    """One place where a rule says something else than the driver's own objects.

    Shape: `info` is worth knowing and no contradiction; `rule` is "" where no rule has the driver;
    what is missing everywhere is told at the first object of the driver.
    """

    level: Level
    rule: str
    manifest: Manifest
    field: Field
    what: str


def is_comparable(manifest: Manifest) -> bool:
    """Whether the object is a DeviceClass or a ResourceSlice, in whichever version.

    A template may have the version of the API filled in later.
    """
    is_ours = manifest.group == kube.GROUP or manifest.origin.via == "template"
    return is_ours and manifest.kind in {"DeviceClass", "ResourceSlice"}


def drift(manifests: Iterable[Manifest], rules: Sequence[Rule]) -> tuple[Drift, ...]:
    """Everything in which the objects and the rules differ, in the order of the objects."""
    compared = [m for m in manifests if is_comparable(m)]
    classes = [m for m in compared if m.kind == "DeviceClass"]
    slices = [m for m in compared if m.kind == "ResourceSlice"]
    found = [
        *(each for manifest in classes for each in _of_class(manifest, rules)),
        *_missing(classes, rules),
        *_of_slices(slices, rules),
    ]
    order = {id(manifest): number for number, manifest in enumerate(compared)}
    return tuple(sorted(found, key=lambda each: order[id(each.manifest)]))


def _known(rules: Iterable[Rule]) -> dict[str, tuple[Rule, DeviceClass]]:
    return {c.name: (r, c) for r in rules if r.container for c in r.container.classes}


def _of_class(manifest: Manifest, rules: Sequence[Rule]) -> Iterator[Drift]:
    known = _known(rules).get(manifest.name)
    if known is not None:
        rule, ours = known
        yield from _of_selectors(manifest, rule, ours)
        yield from _of_extended(manifest, rule, ours)
        return
    name = ("metadata", "name")
    if _HOLES.search(manifest.name):
        yield Drift("info", "", manifest, name, "its name is filled in by a template")
        return
    for driver in _drivers(manifest):
        theirs = [rule for rule in rules if rule.driver == driver]
        what = f"the class {manifest.name} of the driver {driver} is in no rule"
        if theirs:
            yield Drift("drift", theirs[0].name, manifest, name, what)
        else:
            yield Drift("info", "", manifest, name, f"no rule has the driver {driver}")


def _of_selectors(manifest: Manifest, rule: Rule, ours: DeviceClass) -> Iterator[Drift]:
    field = ("spec", "selectors")
    theirs = _selectors(manifest)
    if any(_HOLES.search(text) for text in theirs):
        what = f"the selectors of {ours.name} are filled in by a template"
        yield Drift("info", rule.name, manifest, field, what)
    elif sorted(map(_plain, theirs)) != sorted(map(_plain, ours.selectors)):
        told = " and ".join(" ".join(text.split()) for text in theirs) or "none"
        said = " and ".join(" ".join(text.split()) for text in ours.selectors) or "none"
        what = f"the selectors of {ours.name} are {told}; the rule has {said}"
        yield Drift("drift", rule.name, manifest, field, what)


def _of_extended(manifest: Manifest, rule: Rule, ours: DeviceClass) -> Iterator[Drift]:
    field = ("spec", "extendedResourceName")
    found = at(manifest.body, field)
    theirs = found if isinstance(found, str) else ""
    if theirs == ours.extended_resource_name or _HOLES.search(theirs):
        return
    level: Level = "drift"
    if not theirs:
        what = f"extendedResourceName {ours.extended_resource_name} is gone from {ours.name}"
        version = upgrade.version(manifest.api_version)
        # Charts leave the field out of versions that most clusters served without it.
        if version and upgrade.is_old("DeviceClass", version):
            level, what = "info", f"{what}, as rendered for {version}"
    elif not ours.extended_resource_name:
        what = f"extendedResourceName {theirs} is new in {ours.name}"
    else:
        what = (
            f"extendedResourceName of {ours.name} is {theirs}; "
            f"the rule has {ours.extended_resource_name}"
        )
    yield Drift(level, rule.name, manifest, field if theirs else ("spec",), what)


def _missing(classes: Sequence[Manifest], rules: Sequence[Rule]) -> Iterator[Drift]:
    """The classes of rules that are not there, though others of the same driver are."""
    known = _known(rules)
    names = {manifest.name for manifest in classes}
    first: dict[str, Manifest] = {}
    for manifest in classes:
        own = known.get(manifest.name)
        for driver in (own[0].driver,) if own else _drivers(manifest):
            first.setdefault(driver, manifest)
    for name, (rule, _) in known.items():
        if rule.driver in first and name not in names:
            what = f"the class {name} of the driver {rule.driver} is not there"
            yield Drift("drift", rule.name, first[rule.driver], (), what)


def _of_slices(slices: Sequence[Manifest], rules: Sequence[Rule]) -> Iterator[Drift]:
    said = {feature for rule in rules for text in _expressions(rule) for feature in _used(text)}
    drivers: dict[str, list[Manifest]] = {}
    for manifest in slices:
        driver = at(manifest.body, ("spec", "driver"))
        if isinstance(driver, str):
            drivers.setdefault(driver, []).append(manifest)
    for driver, theirs in drivers.items():
        own = [rule for rule in rules if rule.driver == driver]
        if not own:
            yield Drift("info", "", theirs[0], ("spec",), f"no rule has the driver {driver}")
            continue
        there: dict[Feature, Manifest] = {}
        devices = [(m, each) for m in theirs for each in _devices(m, driver)]
        for manifest, device in devices:
            for feature in device:
                there.setdefault(feature, manifest)
        for feature, manifest in there.items():
            if feature not in said:
                what = f"no rule mentions {_named(feature)}"
                yield Drift("info", own[0].name, manifest, ("spec",), what)
        for rule in own:
            yield from _unseen(rule, theirs[0], [device for _, device in devices])


def _unseen(
    rule: Rule, manifest: Manifest, devices: Sequence[Mapping[Feature, Any]]
) -> Iterator[Drift]:
    """What the rule asks of devices and none of its own has; nothing where none is its own."""
    classes = rule.container.classes if rule.container else ()
    asked = [_equalities(each) for each in classes] or [{}]
    own = [d for d in devices if any(all(d.get(f) == v for f, v in e.items()) for e in asked)]
    if not own:
        return
    used = dict.fromkeys(feature for text in _expressions(rule) for feature in _used(text))
    for feature in used:
        if not any(feature in device for device in own):
            what = f"the rule asks for {_named(feature)}, which no device of the driver has"
            yield Drift("drift", rule.name, manifest, ("spec",), what)


def _equalities(device_class: DeviceClass) -> dict[Feature, str]:
    """The attributes whose text a class fixes; none where its selectors have alternatives."""
    texts = [text for text in device_class.selectors if "||" not in text]
    return {_feature(found): found[5] or found[6] or "" for t in texts for found in _IS.finditer(t)}


def _devices(manifest: Manifest, driver: str) -> Iterator[dict[Feature, Any]]:
    """The attributes and capacities of the devices of a slice, by their full names."""
    devices = at(upgrade.upgraded(manifest.body, "v1"), ("spec", "devices"))
    for device in devices if isinstance(devices, list) else ():
        features: dict[Feature, Any] = {}
        for part in ("attributes", "capacity"):
            held = at(device, (part,))
            for name, value in held.items() if isinstance(held, Mapping) else ():
                domain, slash, identifier = str(name).rpartition("/")
                key = (part, domain if slash else driver, identifier)
                features[key] = at(value, ("string",))
        yield features


def _expressions(value: Rule) -> Iterator[str]:
    """Every CEL text of a rule."""
    container, placement = value.container, value.placement
    for resource in container.resources if container else ():
        yield from resource.selectors
    for each in container.classes if container else ():
        yield from each.selectors
    for label in placement.labels if placement else ():
        yield from (label.guard, label.number, *(form.cel for form in label.values))


def _used(text: str) -> Iterator[Feature]:
    return map(_feature, _FEATURE.finditer(text))


def _feature(found: re.Match[str]) -> Feature:
    return found[1], found[2] or found[3] or "", found[4]


def _named(feature: Feature) -> str:
    part, domain, identifier = feature
    return f"{'capacity' if part == 'capacity' else 'attribute'} {domain}/{identifier}"


def _drivers(manifest: Manifest) -> tuple[str, ...]:
    """The drivers that the selectors of a class name."""
    found = (each for text in _selectors(manifest) for each in _DRIVER.finditer(text))
    return tuple(dict.fromkeys(each[1] or each[2] or "" for each in found))


def _selectors(manifest: Manifest) -> list[str]:
    found = at(manifest.body, ("spec", "selectors"))
    texts = (at(s, ("cel", "expression")) for s in (found if isinstance(found, list) else ()))
    return [text for text in texts if text is not ABSENT and isinstance(text, str)]


def _plain(text: str) -> str:
    """CEL without what does not matter: blanks outside strings, and which quotes they stand in."""
    parts = []
    for part in tokens(text):
        is_plain = part.kind == "string" and not re.search(r"[\"'\\]", part.text[1:-1])
        outside = "" if part.kind == "string" else "".join(part.text.split())
        parts.append(f'"{part.text[1:-1]}"' if is_plain else outside or part.text.strip())
    return "".join(parts)
