"""Where rules no longer agree with the DeviceClasses that a driver brings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from migrate.kube import upgrade
from migrate.model import ABSENT, DeviceClass, Manifest, Rule, at
from migrate.read.drift.difference import HOLES, Drift, Extent, Level
from migrate.read.expression import tokens

_Known = tuple[Rule, DeviceClass]

_DRIVER: Final = re.compile(r"""\bdevice\.driver\s*==\s*(?:"([^"\s]*)"|'([^'\s]*)')""")
_SPREAD: Final[tuple[Extent, ...]] = ("", "part", "rendering", "chart")
"""From the least that is known to be there to the most."""


def differences(
    classes: Sequence[Manifest], rules: Sequence[Rule], extent: Callable[[Manifest], Extent]
) -> Iterator[Drift]:
    """Classes that are new, renamed or gone, that select otherwise or carry another name."""
    known = {c.name: (r, c) for r in rules if r.container for c in r.container.classes}
    names = {manifest.name for manifest in classes}
    missing = {name: own for name, own in known.items() if name not in names}
    for manifest in classes:
        own = known.get(manifest.name)
        if own is None:
            own = _same(manifest, missing)
            yield from _renamed(manifest, own, extent(manifest)) if own else ()
            # What nobody says is the driver's own may as well stand beside the driver's.
            if own and extent(manifest):
                del missing[own[1].name]
        if own is None:
            yield from _new(manifest, rules, extent(manifest))
        elif extent(manifest) or manifest.name in known:
            yield from _of_selectors(manifest, *own)
            yield from _of_extended(manifest, *own, extent(manifest))
    yield from _gone(classes, known, missing, extent)


def _same(manifest: Manifest, missing: Mapping[str, _Known]) -> _Known | None:
    """The missing class that selects the same devices."""
    theirs = _plainly(_selectors(manifest))
    return next(
        (own for own in missing.values() if theirs and _plainly(own[1].selectors) == theirs), None
    )


def _renamed(manifest: Manifest, own: _Known, extent: Extent) -> Iterator[Drift]:
    if HOLES.search(manifest.name):
        return
    rule, ours = own
    level: Level = "drift" if extent else "info"
    if extent in {"rendering", "chart"}:
        what = f"the class {ours.name} is called {manifest.name} now"
    else:
        what = f"the class {manifest.name} is in no rule; it selects what {ours.name} does"
    yield Drift(level, rule.name, manifest, ("metadata", "name"), what)


def _new(manifest: Manifest, rules: Sequence[Rule], extent: Extent) -> Iterator[Drift]:
    field = ("metadata", "name")
    if HOLES.search(manifest.name):
        yield Drift("info", "", manifest, field, "the name of a class is filled in by a template")
        return
    for driver in _drivers(manifest):
        own = next((rule.name for rule in rules if rule.driver == driver), "")
        if own:
            what = f"the class {manifest.name} of the driver {driver} is in no rule"
            yield Drift("drift" if extent else "info", own, manifest, field, what)
        else:
            yield Drift("info", "", manifest, field, f"no rule has the driver {driver}")


def _of_selectors(manifest: Manifest, rule: Rule, ours: DeviceClass) -> Iterator[Drift]:
    field = ("spec", "selectors")
    theirs = _selectors(manifest)
    if any(HOLES.search(text) for text in theirs):
        what = f"the selectors of {ours.name} are filled in by a template"
        yield Drift("info", rule.name, manifest, field, what)
    elif _plainly(theirs) != _plainly(ours.selectors):
        told = " and ".join(" ".join(text.split()) for text in theirs) or "none"
        said = " and ".join(" ".join(text.split()) for text in ours.selectors) or "none"
        what = f"the selectors of {ours.name} are {told}; the rule has {said}"
        yield Drift("drift", rule.name, manifest, field, what)


def _of_extended(
    manifest: Manifest, rule: Rule, ours: DeviceClass, extent: Extent
) -> Iterator[Drift]:
    field = ("spec", "extendedResourceName")
    found = at(manifest.body, field)
    theirs = found if isinstance(found, str) else ""
    if theirs == ours.extended_resource_name or HOLES.search(theirs):
        return
    level: Level = "drift"
    if not theirs:
        what = f"extendedResourceName {ours.extended_resource_name} is gone from {ours.name}"
        version = upgrade.version(manifest.api_version)
        # Charts leave the field out of versions that most clusters served without it.
        if version and upgrade.is_old("DeviceClass", version):
            level, what = "info", f"{what}, as rendered for {version}"
        elif not extent and field[-1] in ours.why:
            level, what = "info", f"{what}; the rule says of it: {ours.why}"
    elif not ours.extended_resource_name:
        what = f"extendedResourceName {theirs} is new in {ours.name}"
    else:
        what = (
            f"extendedResourceName of {ours.name} is {theirs}; "
            f"the rule has {ours.extended_resource_name}"
        )
    yield Drift(level, rule.name, manifest, field if theirs else ("spec",), what)


def _gone(
    classes: Sequence[Manifest],
    known: Mapping[str, _Known],
    missing: Mapping[str, _Known],
    extent: Callable[[Manifest], Extent],
) -> Iterator[Drift]:
    """The classes of rules that are not there, though the rest of their driver's chart is."""
    theirs: dict[str, list[Manifest]] = {}
    for manifest in classes:
        own = known.get(manifest.name)
        for driver in (own[0].driver,) if own else _drivers(manifest):
            theirs.setdefault(driver, []).append(manifest)
    there = {known[manifest.name][0].name for manifest in classes if manifest.name in known}
    for name, (rule, ours) in missing.items():
        of_driver = theirs.get(rule.driver, ())
        widest = max((extent(m) for m in of_driver), key=_SPREAD.index, default="")
        if widest not in {"rendering", "chart"}:
            continue
        first = next(m for m in of_driver if extent(m) == widest)
        level: Level = "drift"
        what = f"the class {name} of the driver {rule.driver} is not there"
        if widest == "chart" and any(HOLES.search(m.name) for m in of_driver):
            level, what = "info", f"{what}, unless a template fills in its name"
        elif widest == "rendering" and rule.name in there:
            # A family's second class is the one that charts keep behind a value.
            level, what = "info", f"{what} with these values; the rule says of it: {ours.why}"
        yield Drift(level, rule.name, first, (), what)


def _drivers(manifest: Manifest) -> tuple[str, ...]:
    """The drivers that the selectors of a class name."""
    found = (each for text in _selectors(manifest) for each in _DRIVER.finditer(text))
    return tuple(dict.fromkeys(each[1] or each[2] or "" for each in found))


def _selectors(manifest: Manifest) -> list[str]:
    found = at(manifest.body, ("spec", "selectors"))
    texts = (at(s, ("cel", "expression")) for s in (found if isinstance(found, list) else ()))
    return [text for text in texts if text is not ABSENT and isinstance(text, str)]


def _plainly(selectors: Sequence[str]) -> list[str]:
    return sorted(map(_plain, selectors))


def _plain(text: str) -> str:
    """CEL without what does not matter: blanks outside strings, and which quotes they stand in."""
    parts = []
    for part in tokens(text):
        is_plain = part.kind == "string" and not re.search(r"[\"'\\]", part.text[1:-1])
        outside = "" if part.kind == "string" else "".join(part.text.split())
        parts.append(f'"{part.text[1:-1]}"' if is_plain else outside or part.text.strip())
    return "".join(parts)
