"""Node labels that vanish with the plugin's stack → CEL selectors of devices; tolerations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from migrate import kube
from migrate.errors import MigrateError
from migrate.model import ABSENT, Edit, Field, Label, LabelValue, Rule, as_text, at, fields
from migrate.read import ruleset
from migrate.translate.context import because

Drivers = Mapping[str, frozenset[str]]
"""The drivers whose devices a pod asks for, and the classes of its requests."""

_NODE_AFFINITY: Final[Field] = ("affinity", "nodeAffinity")
_REQUIRED: Final[Field] = (
    *_NODE_AFFINITY,
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
)
_PREFERRED: Final[Field] = (*_NODE_AFFINITY, "preferredDuringSchedulingIgnoredDuringExecution")


@dataclass(frozen=True, slots=True)
class Condition:
    """What label expressions say of a device; `cel` is "" where the class alone says it."""

    driver: str
    cel: str
    device_class: str = ""
    said: str = ""

    @property
    def short(self) -> str:
        """The condition for people: without its guard and without the driver's domain."""
        domain = re.escape(self.driver)
        return re.sub(
            rf'(?:has\(device\.(?:attributes|capacity)\["{domain}"\]\.\w+\) && )'
            rf'|device\.(?:attributes|capacity)\["{domain}"\]\.',
            "",
            self.cel,
        )


@dataclass(slots=True)
class Placed:
    """What becomes of a pod's placement, gathered expression by expression.

    Shape: `selectors` and `classes` are per driver; `preferred` are the conditions of preferences
    in the order of their weight; `said` is for the report; `stays` and `warnings` are sentences
    about what is kept or is to be known; `parts` say why a count does not mean whole devices, and
    `shares`, per driver, which label means that it counts shares of devices.
    """

    edits: list[Edit] = field(default_factory=list)
    selectors: dict[str, list[str]] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    preferred: list[Condition] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    shares: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def take(self, condition: Condition, edits: Iterable[Edit]) -> bool:
        """Whether the condition could be added beside those taken before it."""
        wanted = condition.device_class
        if wanted and self.classes.setdefault(condition.driver, wanted) != wanted:
            self.stays.append(f"{condition.said} asks for another class than the rest: it stays")
            return False
        if condition.cel:
            self.selectors.setdefault(condition.driver, []).append(condition.cel)
            self.said.append(condition.short)
        self.edits += edits
        return True


def placed(
    pod: kube.PodSpec, rules: tuple[Rule, ...], drivers: Drivers, *, prioritized: bool
) -> Placed:
    """What the labels of this pod's placement become for requests of these drivers.

    `prioritized` says whether the target serves `firstAvailable`.
    """
    result = Placed()
    selector = pod.body.get("nodeSelector")
    for key, value in (selector if isinstance(selector, Mapping) else {}).items():
        said = f"{key}={as_text(value)}"
        found = condition(rules, drivers, key, "In", [as_text(value)], result)
        if isinstance(found, Condition):
            result.take(found, [Edit(pod.at("nodeSelector", key), value, ABSENT)])
        elif found:
            result.stays.append(because(f"{said} stays", found))
    _required(pod, rules, drivers, result)
    _preferred(pod, rules, drivers, result, prioritized=prioritized)
    result.stays += topologies(pod, rules)
    return result


def condition(
    rules: tuple[Rule, ...],
    drivers: Drivers,
    key: str,
    operator: Any,
    values: Any,
    result: Placed,
) -> Condition | str:
    """What one label expression says of a device, or why it stays; "" for labels that survive."""
    all_known = ruleset.label(rules, key)
    known = [(rule, label) for rule, label in all_known if label.writer == "plugin"]
    if not known:
        meant = [label for _, label in all_known if _is_meant(label, values)]
        for label in (meant or [label for _, label in all_known])[:1]:
            _survives(label, key, values, result)
        return ""
    matching = [(rule, label) for rule, label in known if rule.driver and rule.driver in drivers]
    if not matching:
        return "the pod asks for no device that this label speaks of"
    rule, label = matching[0]
    if label.classes and not drivers[rule.driver] <= set(label.classes):
        return f"it speaks of devices of class {', '.join(label.classes)}"
    said = f"{key} {operator} {', '.join(map(as_text, values))}" if values else f"{key} {operator}"
    try:
        cel, device_class = _cel(label, operator, list(values or ()), result)
    except _StaysError as reason:
        return str(reason)
    if operator == "In" and any(_is_share(label, value) for value in values):
        result.shares.setdefault(rule.driver, said)
    return Condition(rule.driver, cel, device_class, said)


def is_of_plugin(key: str, rules: tuple[Rule, ...]) -> bool:
    """Whether a node label vanishes with the plugin's stack."""
    return any(label.writer == "plugin" for _, label in ruleset.label(rules, key))


def _is_meant(label: Label, values: Any) -> bool:
    """Whether one of the values is one that this label's writer writes."""
    return any(ruleset.label_value(label, as_text(value)) for value in values or ())


def _survives(label: Label, key: str, values: Any, result: Placed) -> None:
    """Note a label that a cloud or the administrator writes: it goes on choosing nodes."""
    said = ", ".join(map(as_text, values or ()))
    known = [ruleset.label_value(label, as_text(value)) for value in values or ()]
    forms = [form for form, _ in filter(None, known)]
    parts = [form.why or label.why for form in forms if form.part]
    whys = [label.why, *(form.why for form in forms)]
    if parts:
        result.parts.append(because(f"{key}={said} says that a unit is a part", parts[0]))
    elif why := next(filter(None, whys), ""):
        result.warnings.append(because(f"{key}={said} stays", why))


def _is_share(label: Label, value: Any) -> bool:
    """Whether this value means that a unit counted on the node is a share of a device."""
    found = ruleset.label_value(label, as_text(value))
    return found is not None and found[0].share


class _StaysError(Exception):
    """Why an expression has no per-device form."""


def _cel(label: Label, operator: Any, values: list[Any], result: Placed) -> tuple[str, str]:
    """The CEL of one expression and the class it asks for."""
    if operator in {"Gt", "Lt"}:
        return _compared(label, operator, values), ""
    if operator in {"Exists", "DoesNotExist"}:
        return _existence(label, operator), ""
    if operator not in {"In", "NotIn"}:
        raise _StaysError(f"{as_text(operator)} is not an operator of node affinity")
    forms = [_form(label, as_text(value), result) for value in values]
    classes = {form.device_class for form, _ in forms}
    if len(classes) != 1 or (operator == "NotIn" and classes != {""}):
        raise _StaysError("its values belong to different classes")
    try:
        parts = [
            ruleset.expression(form.cel, groups, form.groups) if form.cel else ""
            for form, groups in forms
        ]
    except MigrateError as error:
        raise _StaysError(error.reason) from error
    if operator == "NotIn":
        if "" in parts:
            raise _StaysError("a device of the class always has it, so this would never be met")
        return f"!({_and(label.guard, _or(parts))})", ""
    cel = "" if "" in parts else _and(label.guard, _or(parts))
    return cel, classes.pop()


def _form(label: Label, value: str, result: Placed) -> tuple[LabelValue, Mapping[str, str]]:
    found = ruleset.label_value(label, value)
    if found is None:
        why = label.why or "it says nothing about a single device"
        raise _StaysError(why if not label.values else f"{value} is not a value it can have")
    form, groups = found
    if form.part:
        said = f"{label.key}={value}" if label.key else value
        result.parts.append(because(f"{said} says that a unit is a part", form.why or label.why))
    if form.maps != "exact":
        raise _StaysError(form.why or label.why or "it has no exact form for a device")
    if form.why:
        result.warnings.append(because(f"{label.key or label.pattern}={value}", form.why))
    return form, groups


def _existence(label: Label, operator: str) -> str:
    if not label.values:
        raise _StaysError(label.why or "it says nothing about a single device")
    implied = not label.guard
    if operator == "Exists":
        return label.guard
    if implied:
        raise _StaysError("a device of the class always has it, so this would never be met")
    return f"!({label.guard})"


def _compared(label: Label, operator: str, values: list[Any]) -> str:
    bound = kube.whole(values[0]) if len(values) == 1 else None
    if not label.number:
        raise _StaysError(f"{operator} has no meaning for it")
    if bound is None:
        raise _StaysError(f"{operator} wants one whole number")
    return _and(label.guard, f"{label.number} {'>' if operator == 'Gt' else '<'} {bound}")


def _and(guard: str, cel: str) -> str:
    return f"{guard} && {cel}" if guard else cel


def _or(parts: list[str]) -> str:
    unique = list(dict.fromkeys(parts))
    return unique[0] if len(unique) == 1 else "(" + " || ".join(unique) + ")"


def _expressions(term: Any) -> list[Any]:
    found = term.get("matchExpressions") if isinstance(term, Mapping) else None
    return found if isinstance(found, list) else []


@dataclass(frozen=True, slots=True)
class _Term:
    """One node selector term: what converts, by index, and what stays."""

    index: int
    body: Mapping[str, Any]
    converts: Mapping[int, Condition]
    reasons: tuple[str, ...]

    @property
    def rest(self) -> Any:
        """What the term still says when the converted expressions are gone."""
        items = [e for i, e in enumerate(_expressions(self.body)) if i not in self.converts]
        others = {k: v for k, v in self.body.items() if k != "matchExpressions" and v}
        return (items, others) if items or others else None


def _term(
    index: int, body: Any, rules: tuple[Rule, ...], drivers: Drivers, result: Placed
) -> _Term:
    converts: dict[int, Condition] = {}
    reasons: list[str] = []
    for i, item in enumerate(_expressions(body)):
        if not isinstance(item, Mapping) or not isinstance(item.get("key"), str):
            continue
        operator, values = item.get("operator"), item.get("values")
        listed = values if isinstance(values, list) else None
        found = condition(rules, drivers, item["key"], operator, listed, result)
        if isinstance(found, Condition):
            converts[i] = found
        elif found:
            reasons.append(because(f"{item['key']} {as_text(operator)} stays", found))
    return _Term(index, body if isinstance(body, Mapping) else {}, converts, tuple(reasons))


def _required(pod: kube.PodSpec, rules: tuple[Rule, ...], drivers: Drivers, result: Placed) -> None:
    """Required node affinity: terms are ORed, the expressions of a term ANDed.

    Source: core/v1 NodeSelector.
    """
    bodies = at(pod.body, _REQUIRED)
    terms = [
        _term(i, body, rules, drivers, result)
        for i, body in enumerate(bodies if isinstance(bodies, list) else [])
    ]
    result.stays += [reason for term in terms for reason in term.reasons]
    if not any(term.converts for term in terms):
        return
    if len(terms) == 1:
        for i, one in terms[0].converts.items():
            result.take(one, [_drop(pod, terms[0], i)])
        return
    together = [_together(term) for term in terms]
    same = len(set(together)) == 1
    whole = all(term.rest is None for term in terms) and len({c.driver for c in together if c}) == 1
    if whole and all(together) and len({c.device_class for c in together if c}) == 1:
        found = [c for c in together if c]
        cel = "" if any(not c.cel for c in found) else _or([c.cel for c in found])
        edits = [_drop(pod, term, i) for term in terms for i in term.converts]
        result.take(Condition(found[0].driver, cel, found[0].device_class, "affinity"), edits)
    elif same and together[0] is not None and all(term.rest is not None for term in terms):
        edits = [_drop(pod, term, i) for term in terms for i in term.converts]
        result.take(together[0], edits)
    else:
        result.stays.append(
            "required node affinity stays: its terms mix device labels with labels of the node"
        )


def _together(term: _Term) -> Condition | None:
    """The term's device part as one condition, None where it has none."""
    found = list(term.converts.values())
    if not found or len({(c.driver, c.device_class) for c in found}) != 1:
        return None
    parts = [c.cel for c in found if c.cel]
    cel = " && ".join(parts) if len(parts) == 1 else " && ".join(f"({p})" for p in parts)
    return Condition(found[0].driver, cel, found[0].device_class)


def _drop(pod: kube.PodSpec, term: _Term, index: int) -> Edit:
    place = pod.at(*_REQUIRED, term.index, "matchExpressions", index)
    return Edit(place, _expressions(term.body)[index], ABSENT)


def _preferred(
    pod: kube.PodSpec,
    rules: tuple[Rule, ...],
    drivers: Drivers,
    result: Placed,
    *,
    prioritized: bool,
) -> None:
    """Preferred node affinity: conditions in the order of their weight, heaviest first."""
    items = at(pod.body, _PREFERRED)
    found: list[tuple[int, int, Condition]] = []
    for i, item in enumerate(items if isinstance(items, list) else []):
        body = item.get("preference") if isinstance(item, Mapping) else None
        term = _term(i, body, rules, drivers, result)
        result.stays += term.reasons
        if not term.converts:
            continue
        one = _together(term)
        if term.rest is not None or one is None or one.device_class or not one.cel:
            result.stays.append("a preference stays: it has no form for one device")
        elif not prioritized:
            result.stays.append(
                "a preference stays: the target does not serve firstAvailable (DRAPrioritizedList)"
            )
        elif len(drivers) != 1 or len(found) >= kube.FIRST_AVAILABLE - 1:
            result.stays.append("a preference stays: it would need too many alternatives")
        else:
            weight = kube.whole(item.get("weight")) or 0
            found.append((-weight, i, one))
    for _, i, one in sorted(found, key=lambda entry: entry[:2]):
        result.preferred.append(one)
        result.said.append(f"preferred: {one.short}")
        result.edits.append(Edit(pod.at(*_PREFERRED, i), items[i], ABSENT))


def topologies(pod: kube.PodSpec, rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """What becomes of pods kept together or apart by a label that vanishes: no claim says it."""
    said: list[str] = []
    for place, value in fields(pod.body):
        topology = kube.topology(place, value)
        known = ruleset.label(rules, topology.key) if topology else ()
        why = next((label.why for _, label in known if label.writer == "plugin"), None)
        if topology and why is not None:
            stays = f"topologyKey {topology.key} stays ({topology.form})"
            becomes = f"once nothing writes the label, {topology.missing}"
            said.append(because(stays, because(becomes, why) if why else becomes))
    return tuple(dict.fromkeys(said))


def tolerations(
    pod: kube.PodSpec, resources: Iterable[tuple[str, Rule]]
) -> tuple[tuple[Mapping[str, Any], str], ...]:
    """Tolerations that came because of a resource's name and no longer will, with who added them.

    Source: ExtendedResourceToleration admission; rules.
    """
    own = pod.body.get("tolerations")
    has = [t for t in own if isinstance(t, Mapping)] if isinstance(own, list) else []
    missing: dict[str, tuple[Mapping[str, Any], str]] = {}
    for _, rule in resources:
        for wanted in rule.placement.tolerations if rule.placement else ():
            if not any(_tolerates(t, wanted.key, wanted.effect) for t in has):
                body = {"key": wanted.key, "operator": "Exists", "effect": wanted.effect}
                missing[wanted.key] = (body, wanted.why)
    return tuple(missing.values())


def _tolerates(toleration: Mapping[str, Any], key: str, effect: str) -> bool:
    """Whether a toleration covers every taint of this key and effect, whatever its value."""
    if toleration.get("operator") != "Exists":
        return False
    keys, effects = {key, "", None}, {effect, "", None}
    return toleration.get("key") in keys and toleration.get("effect") in effects
