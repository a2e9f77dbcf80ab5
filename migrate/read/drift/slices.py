"""Where rules ask for attributes that no device of the ResourceSlices has, and the reverse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from migrate.kube import upgrade
from migrate.model import DeviceClass, Manifest, Rule, at
from migrate.read.drift.difference import Drift, texts

_Feature = tuple[str, str, str]
"""`attributes` or `capacity`, the domain, and the identifier."""
_Device = Mapping[_Feature, Any]

_FEATURE: Final = re.compile(
    r"""\bdevice\.(attributes|capacity)\[(?:"([^"]*)"|'([^']*)')\]\.(\??)([A-Za-z_]\w*)"""
)
_IS: Final = re.compile(_FEATURE.pattern + r"""\s*==\s*(?:"([^"]*)"|'([^']*)')""")
_HAS: Final = re.compile(r"\bhas\(\s*" + _FEATURE.pattern + r"\s*\)")
_KUBERNETES: Final = "resource.kubernetes.io"
"""The domain of attributes that Kubernetes gives a meaning, whichever driver publishes them."""


def differences(slices: Sequence[Manifest], rules: Sequence[Rule]) -> Iterator[Drift]:
    """Per driver what no rule mentions, and per rule what none of its devices has."""
    known = {c.name: c for rule in rules if rule.container for c in rule.container.classes}
    said = {feature for rule in rules for text in texts(rule) for feature in _used(text)}
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
        devices = [device for manifest in theirs for device in _devices(manifest, driver)]
        there = dict.fromkeys(feature for device in devices for feature in device)
        new = [_named(f) for f in there if f not in said and f[1] != _KUBERNETES]
        if new:
            what = f"no rule mentions {', '.join(new)}"
            yield Drift("info", own[0].name, theirs[0], ("spec",), what)
        for rule in own:
            for feature in _unseen(rule, known, devices):
                what = f"the rule asks for {_named(feature)}, which no device of the driver has"
                yield Drift("drift", rule.name, theirs[0], ("spec",), what)


def _unseen(
    rule: Rule, known: Mapping[str, DeviceClass], devices: Sequence[_Device]
) -> Iterator[_Feature]:
    """What the rule asks of devices and none of those has that it is asked of.

    Shape: nothing where no device is of such a class, nor what an expression does without.
    """
    judged: dict[_Feature, bool] = {}
    for text, classes in _expressions(rule, known):
        for feature in _used(text) - _optional(text):
            for fixed in map(_fixed, classes) if classes else ({},):
                asked = [(f, value) for f, value in fixed.items() if f != feature]
                own = [d for d in devices if all(d.get(f) == value for f, value in asked)]
                if own:
                    is_there = any(feature in device for device in own)
                    judged[feature] = judged.get(feature, False) or is_there
    yield from sorted(feature for feature, is_there in judged.items() if not is_there)


def _fixed(device_class: DeviceClass) -> dict[_Feature, str]:
    """The attributes whose text a class fixes; none where its selectors have alternatives."""
    texts = [text for text in device_class.selectors if "||" not in text]
    return {_feature(found): found[6] or found[7] or "" for t in texts for found in _IS.finditer(t)}


def _devices(manifest: Manifest, driver: str) -> Iterator[_Device]:
    """The attributes and capacities of the devices of a slice, by their full names."""
    devices = at(upgrade.upgraded(manifest.body, "v1"), ("spec", "devices"))
    for device in devices if isinstance(devices, list) else ():
        features: dict[_Feature, Any] = {}
        for part in ("attributes", "capacity"):
            held = at(device, (part,))
            for name, value in held.items() if isinstance(held, Mapping) else ():
                domain, slash, identifier = str(name).rpartition("/")
                key = (part, domain if slash else driver, identifier)
                features[key] = at(value, ("string",))
        yield features


def _expressions(
    rule: Rule, known: Mapping[str, DeviceClass]
) -> Iterator[tuple[str, tuple[DeviceClass, ...]]]:
    """Every CEL text of a rule, with the classes whose devices it is asked of."""
    container, placement = rule.container, rule.placement
    classes = container.classes if container else ()

    def named(*names: str) -> tuple[DeviceClass, ...]:
        return tuple(known[name] for name in names if name in known) or classes

    for resource in container.resources if container else ():
        yield from ((text, named(resource.device_class)) for text in resource.selectors)
    for each in classes:
        yield from ((text, (each,)) for text in each.selectors)
    for label in placement.labels if placement else ():
        own = named(*label.classes)
        forms = [named(form.device_class) if form.device_class else own for form in label.values]
        yield from zip((form.cel for form in label.values), forms, strict=True)
        every = tuple(each for form in forms for each in form) or own
        yield from ((text, every) for text in (label.guard, label.number))


def _used(text: str) -> set[_Feature]:
    return set(map(_feature, _FEATURE.finditer(text)))


def _optional(text: str) -> set[_Feature]:
    """What an expression can do without: it asks first, or has something else in its place."""
    asked = {_feature(found) for found in _FEATURE.finditer(text) if found[4]}
    guarded = {_feature(found) for found in _HAS.finditer(text)}
    is_guard = "||" not in text and len(_FEATURE.findall(text)) == len(guarded)
    return asked if is_guard else asked | guarded


def _feature(found: re.Match[str]) -> _Feature:
    return found[1], found[2] or found[3] or "", found[5]


def _named(feature: _Feature) -> str:
    part, domain, identifier = feature
    return f"{'capacity' if part == 'capacity' else 'attribute'} {domain}/{identifier}"
