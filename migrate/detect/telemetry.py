"""Queries, dashboards, autoscalers and policies that look at a device by its resource's name."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from migrate.model import Entries, Field, Finding, Manifest, Marker, Resource, Rule
from migrate.read import ruleset

POLICY: Final = "policy"
"""What stands for the name of a metric where a policy looks at the pods themselves."""

_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_]")
"""What Prometheus puts `_` for. Source: kube-state-metrics internal/store/utils.go."""
_LITERAL: Final = re.compile(r"(?:\\\W|[^\\.^$*+?{}\[\]|()])+(?![*?{])")
_ASKED: Final = re.compile(r"\bresource\s*[=!]~?\s*\\*[\"'](?P<names>[^\"'\\]{1,2000})")
_METRIC: Final = re.compile(r"(?P<metric>[a-zA-Z_:][a-zA-Z0-9_:]{0,200})\s*\{[^{}]{0,2000}\Z")
_BY_POD: Final = re.compile(
    r"\b(?:exported_)?(?:pod|container|namespace)(?:_name)?\s*[=!]~?\s*\\*[\"']"
    r"|\b(?:by|on)\s*\([^()]*\b(?:exported_)?pod\b"
)
_NAME: Final = re.compile(r"[A-Za-z0-9.-]{1,253}/[A-Za-z0-9._-]{1,63}")
_NEVER: Final = "(?!)"
_LOOK_BACK: Final = 2300


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every name under one metric, or in a policy, per field."""
    look = _in_policy if is_policy(manifest) else _in_query
    known = _known(rules)
    for field, value in entries:
        key = field[-1]
        texts = [value] if isinstance(value, str) else []
        if look is _in_policy and isinstance(key, str):
            texts.append(key)
        found = dict.fromkeys(seen for text in texts for seen in look(text, known))
        if look is _in_query and isinstance(value, str):
            found |= dict.fromkeys(_exported(manifest, field, value, known))
        for seen in found:
            line, column = manifest.position(field)
            yield Finding(
                usage="telemetry",
                manifest=manifest,
                field=field,
                resource=seen.name,
                quantity=seen.metric,
                rule=seen.rule,
                line=line,
                column=column,
                note=seen.note,
            )


def is_policy(manifest: Manifest) -> bool:
    """Whether the object says what other objects have to look like.

    Source: Kyverno; Gatekeeper; admissionregistration.k8s.io/v1.
    """
    group = manifest.group
    if group == "admissionregistration.k8s.io":
        return "AdmissionPolicy" in manifest.kind
    return group.endswith(("kyverno.io", "gatekeeper.sh"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A resource or a metric that a text names; `metric` is the one it stands under."""

    name: str
    metric: str
    rule: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the rules' resources are called in metrics, and the metrics of the vendors' exporters.

    Shape: `names` finds a resource in a text, whose beginning is in `beginnings` or which is in
    `exact`; `metrics` finds a metric.
    """

    rules: tuple[Rule, ...]
    exact: Mapping[str, str]
    beginnings: Sequence[tuple[str, str]]
    names: re.Pattern[str]
    metrics: re.Pattern[str]
    markers: Sequence[tuple[Rule, Marker]]


_made: deque[_Known] = deque(maxlen=4)


def _known(rules: tuple[Rule, ...]) -> _Known:
    """What these rules know, made once; rules hold mappings and so have no hash."""
    for known in _made:
        if known.rules is rules:
            return known
    exact: dict[str, str] = {}
    beginnings: list[tuple[str, str]] = []
    for rule in rules:
        for resource in rule.container.resources if rule.container else ():
            literal = _literal(resource)
            if "." not in literal.partition("/")[0] or "/" not in literal:
                continue
            if resource.name:
                exact[_UNSAFE.sub("_", literal)] = rule.name
            else:
                beginnings.append((_UNSAFE.sub("_", literal), rule.name))
    markers = [(rule, m) for rule in rules if rule.telemetry for m in rule.telemetry.metrics]
    literals = sorted({*exact, *(begin for begin, _ in beginnings)}, key=len, reverse=True)
    patterns = [re.escape(m.name) if m.name else m.pattern for _, m in markers]
    known = _Known(
        rules,
        exact,
        sorted(beginnings, key=lambda pair: len(pair[0]), reverse=True),
        re.compile(rf"(?<![\w:])(?:{'|'.join(map(re.escape, literals)) or _NEVER})\w*", re.ASCII),
        re.compile(rf"(?<![\w:])(?:{'|'.join(patterns) or _NEVER})(?![\w:])", re.ASCII),
        markers,
    )
    _made.appendleft(known)
    return known


def _literal(resource: Resource) -> str:
    """The name, or the text that every name of the pattern begins with."""
    if resource.name:
        return resource.name
    found = _LITERAL.match(resource.pattern)
    return found[0].replace("\\", "") if found and "|" not in resource.pattern else ""


def _in_query(text: str, known: _Known) -> Iterator[_Seen]:
    """Resources in the form of metrics, and under the label `resource` in their own form."""
    for found in known.names.finditer(text):
        rule = _rule(found[0], known)
        if rule:
            yield _Seen(found[0], _metric(text, found.start()), rule)
    for found in _ASKED.finditer(text) if "/" in text else ():
        for name in found["names"].split("|"):
            match = ruleset.resource(known.rules, name)
            if match:
                yield _Seen(name, _metric(text, found.start()), match.rule.name)


def _rule(name: str, known: _Known) -> str:
    """The rule of a name as metrics write it, "" where only its beginning is known."""
    if name in known.exact:
        return known.exact[name]
    return next((rule for begin, rule in known.beginnings if name.startswith(begin)), "")


def _metric(text: str, place: int) -> str:
    """The metric in whose braces this place stands."""
    found = _METRIC.search(text[max(0, place - _LOOK_BACK) : place])
    return found["metric"] if found else ""


def _exported(manifest: Manifest, field: Field, text: str, known: _Known) -> Iterator[_Seen]:
    """Metrics of exporters that are asked by the pod they belong to."""
    is_scaled = manifest.kind == "HorizontalPodAutoscaler" and (
        field[-2:] == ("metric", "name") or field[-1] == "metricName"
    )
    for found in known.metrics.finditer(text):
        if not is_scaled and not _BY_POD.search(text):
            return
        for rule, marker in known.markers:
            if found[0] == marker.name or re.fullmatch(marker.pattern, found[0], re.ASCII):
                yield _Seen(found[0], "", rule.name, marker.why)
                break


def _in_policy(text: str, known: _Known) -> Iterator[_Seen]:
    """Resources that a policy names, also inside its expressions and JSON Pointers."""
    for found in _NAME.finditer(text.replace("~1", "/")) if "/" in text or "~1" in text else ():
        name = found[0].rpartition("/limits/")[2]
        match = ruleset.resource(known.rules, name)
        if match:
            yield _Seen(name, POLICY, match.rule.name)
