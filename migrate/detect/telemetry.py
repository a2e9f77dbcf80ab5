"""Queries, dashboards, autoscalers and policies that look at a device by its resource's name."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from migrate.model import Entries, Field, Finding, Manifest, Marker, Rule
from migrate.read import ruleset

POLICY: Final = "policy"
"""What stands for the name of a metric where a policy looks at the pods themselves."""

_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_]")
"""What Prometheus puts `_` for. Source: kube-state-metrics internal/store/utils.go."""
_PIECE: Final = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|\{[0-9,]*\}|\(\?P<\w+>|[/-]", re.DOTALL)
_DOMAIN: Final = re.compile(r"((?:\\\.|[\w.-])+)/")
_ASKED: Final = re.compile(r"\bresource\s*[=!]~?\s*\\*[\"'](?P<names>[^\"'\\]{1,2000})")
_METRIC: Final = re.compile(r"(?P<metric>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*\Z")
_BY_POD: Final = re.compile(
    r"\b(?:exported_)?(?:pod|container|namespace)(?:_name)?\s*[=!]~?\s*\\*[\"']"
    r"|\b(?:by|on)\s*\([^()]*\b(?:exported_)?pod\b"
)
_NAME: Final = re.compile(
    r"(?P<domain>[A-Za-z0-9.-]{1,253})(?:/|~1)(?P<name>[A-Za-z0-9._-]{1,63})(?![A-Za-z0-9._~-])"
)
"""A resource's name, as it stands in JSON Pointers too."""
_NEVER: Final = "(?!)"
_LOOK_AROUND: Final = 2000
"""How long a query is looked at, before a name and behind it."""
_LONGEST_NAME: Final = 200


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every name under one metric, or in a policy, per field."""
    look = _in_policy if is_policy(manifest) else _in_query
    known = _known(rules)
    for field, value in entries:
        key = field[-1]
        if look is _in_policy and (field[0] != "spec" or key == "message"):
            continue
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

    Shape: `names` finds what may be a resource in a text, by its domain; it is one if `exact`
    has it or one of `patterns` matches it; `metrics` finds a metric.
    """

    rules: tuple[Rule, ...]
    exact: Mapping[str, str]
    patterns: Sequence[tuple[re.Pattern[str], str]]
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
    patterns: list[tuple[str, str]] = []
    domains: set[str] = set()
    for rule in rules:
        for resource in rule.container.resources if rule.container else ():
            found = _DOMAIN.match(resource.name or resource.pattern)
            if found is None or "." not in found[1]:
                # Of a domain without a dot nothing is left by which it could be told from words.
                continue
            domains.add(_UNSAFE.sub("_", found[0].replace("\\", "")))
            if resource.name:
                exact[_UNSAFE.sub("_", resource.name)] = rule.name
            else:
                patterns.append((resource.pattern, rule.name))
    markers = [(rule, m) for rule in rules if rule.telemetry for m in rule.telemetry.metrics]
    metrics = [re.escape(m.name) if m.name else m.pattern for _, m in markers]
    patterns.sort(key=lambda pair: len(pair[0]), reverse=True)
    known = _Known(
        rules,
        exact,
        [(re.compile(_sanitised(pattern), re.ASCII), name) for pattern, name in patterns],
        re.compile(rf"(?<![\w:])(?:{'|'.join(sorted(domains)) or _NEVER})\w{{1,63}}", re.ASCII),
        re.compile(rf"(?<![\w:])(?:{'|'.join(metrics) or _NEVER})(?![\w:])", re.ASCII),
        markers,
    )
    _made.appendleft(known)
    return known


def _sanitised(pattern: str) -> str:
    """The pattern of a resource's name, for the name as metrics write it."""
    return _PIECE.sub(_piece, pattern)


def _piece(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith("["):
        return text if text.startswith("[^") else f"[_{text[1:]}"
    is_kept = text[0] in "{(" or (text[0] == "\\" and text[1].isalnum())
    return text if is_kept else "_"


def _in_query(text: str, known: _Known) -> Iterator[_Seen]:
    """Resources in the form of metrics, and under the label `resource` in their own form."""
    for found in known.names.finditer(text):
        rule = _rule(found[0], known)
        if rule:
            yield _Seen(found[0], _metric(text, found.start()), rule)
    for found in _ASKED.finditer(text) if "/" in text else ():
        for name in found["names"].split("|"):
            match = ruleset.resource(known.rules, name.removeprefix("requests."))
            if match:
                yield _Seen(name, _metric(text, found.start()), match.rule.name)


def _rule(name: str, known: _Known) -> str:
    """The rule of a name as metrics write it, "" where only its domain is known."""
    if name in known.exact:
        return known.exact[name]
    return next((rule for pattern, rule in known.patterns if pattern.fullmatch(name)), "")


def _metric(text: str, place: int) -> str:
    """The metric in whose braces this place stands."""
    start = max(0, place - _LOOK_AROUND)
    brace = text.rfind("{", start, place)
    if brace < 0 or text.rfind("}", brace, place) >= 0:
        return ""
    found = _METRIC.search(text[max(0, brace - _LONGEST_NAME) : brace])
    return found["metric"] if found else ""


def _exported(manifest: Manifest, field: Field, text: str, known: _Known) -> Iterator[_Seen]:
    """Metrics of exporters that are asked by the pod they belong to."""
    is_scaled = manifest.kind == "HorizontalPodAutoscaler" and (
        field[-2:] == ("metric", "name") or field[-1] == "metricName"
    )
    for found in known.metrics.finditer(text):
        if not is_scaled and not _BY_POD.search(_query(text, found.start())):
            continue
        for rule, marker in known.markers:
            if found[0] == marker.name or re.fullmatch(marker.pattern, found[0], re.ASCII):
                yield _Seen(found[0], "", rule.name, marker.why)
                break


def _query(text: str, place: int) -> str:
    """The query around this place: of a whole dashboard or file of rules, the one meant."""
    mark = '"' if text.lstrip().startswith(("{", "[")) else "expr:"
    start, end = max(0, place - _LOOK_AROUND), place + _LOOK_AROUND
    before = _mark(text, mark, text.rfind(mark, start, place), start)
    behind = text.find(mark, place, end)
    while behind > 0 and text[behind - 1] == "\\":
        behind = text.find(mark, behind + 1, end)
    return text[before + 1 if before >= 0 else start : behind if behind >= 0 else end]


def _mark(text: str, mark: str, place: int, start: int) -> int:
    """The nearest mark, going back from `place`, that no backslash escapes; -1 for none."""
    while place > 0 and text[place - 1] == "\\":
        place = text.rfind(mark, start, place)
    return place


def _in_policy(text: str, known: _Known) -> Iterator[_Seen]:
    """Resources that a policy names, also inside its expressions and JSON Pointers."""
    for found in _NAME.finditer(text) if "/" in text or "~1" in text else ():
        name = f"{found['domain']}/{found['name']}"
        match = ruleset.resource(known.rules, name)
        if match:
            yield _Seen(name, POLICY, match.rule.name)
