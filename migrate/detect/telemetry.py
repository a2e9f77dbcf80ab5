"""Queries, dashboards, autoscalers and policies that look at a device by its resource's name."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from migrate.kube import metricnames, promql
from migrate.model import Entries, Field, Finding, Manifest, Marker, Rule
from migrate.read import ruleset

POLICY: Final = "policy"
"""What stands for the name of a metric where a policy looks at the pods themselves."""

_PROSE: Final = ("description", "message", "summary", "title")
"""Keys of alerts and panels under which people are told something."""
_WORDS: Final = "|".join(_PROSE)
_SAID: Final = re.compile(
    rf"\"(?:{_WORDS})\"[ \t]*:[ \t]*\"(?:[^\"\\\n]|\\.)*\""
    rf"|^[ \t-]*(?:{_WORDS})[ \t]*:.*$",
    re.MULTILINE,
)
"""The same in a string that is JSON or YAML."""

LEFT_OUT: Final = "left out"
"""The note of a resource that a query leaves out."""

_METRIC: Final = re.compile(r"(?P<metric>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*\Z")
_NAME: Final = re.compile(
    r"(?P<domain>[A-Za-z0-9.-]{1,253})(?:/|~1)(?P<name>[A-Za-z0-9._-]{1,63})(?![A-Za-z0-9._~-])"
)
"""A resource's name, as it stands in JSON Pointers too."""
_JSON: Final = re.compile(r"\s*[{\[]\s*[\"{\[]")
_OF_NODES: Final = "kube_node_labels"
_LABELS_OF: Final = re.compile(r"\bkube_(?!node_labels\b)[a-z_]+_labels\b")
"""Metrics with the labels of other objects than nodes. Source: kube-state-metrics."""
_PLUGGED: Final = "kubelet_device_plugin_"
_NO_PLUGIN: Final = (
    "the kubelet counts device plugins here, and a DRA driver is none: it does not appear in this "
    "query; what the kubelet asks of drivers is in dra_operations_duration_seconds and, by driver, "
    "in dra_grpc_operations_duration_seconds"
)
"""Source: kubernetes/kubernetes pkg/kubelet/metrics/metrics.go (DevicePluginRegistrationCountKey,
DRASubsystem, DRAOperationsDurationKey, DRAGRPCOperationsDurationKey)."""
_HOLE: Final = re.compile(r"\.[*+]")
_NEVER: Final = "(?!)"
_LOOK_AROUND: Final = 2000
"""How long a query is looked at, before a name and behind it."""
_LONGEST_NAME: Final = 200


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every name under one metric, or in a policy, per field."""
    look = _in_policy if is_policy(manifest) else _in_query
    known = _known(rules)
    for field, said in entries:
        key, value = field[-1], said
        if look is _in_policy and (field[0] != "spec" or key == "message"):
            continue
        if look is _in_query and isinstance(said, str):
            value = "" if key in _PROSE else _without_prose(said)
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


def _without_prose(text: str) -> str:
    """The text with blanks for what it says to people; all else stays in its place."""
    if "\n" not in text and not _JSON.match(text):
        return text
    return _SAID.sub(lambda found: " " * len(found[0]), text)


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
    """What the rules' resources and labels are called in metrics, and the exporters' metrics.

    Shape: `names` finds a resource in a text, `labels` a label, `metrics` a metric.
    """

    rules: tuple[Rule, ...]
    names: metricnames.Names
    labels: metricnames.Names
    metrics: re.Pattern[str]
    markers: Sequence[tuple[Rule, Marker]]


_made: deque[_Known] = deque(maxlen=4)


def _known(rules: tuple[Rule, ...]) -> _Known:
    """What these rules know, made once; rules hold mappings and so have no hash."""
    for known in _made:
        if known.rules is rules:
            return known
    resources = [
        (rule.name, r.name, r.pattern)
        for rule in rules
        for r in (rule.container.resources if rule.container else ())
    ]
    labels = [
        (rule.name, label.key, label.pattern)
        for rule in rules
        for label in (rule.placement.labels if rule.placement else ())
        # Labels that clouds and administrators write stay as they are.
        if label.writer == "plugin"
    ]
    markers = [(rule, m) for rule in rules if rule.telemetry for m in rule.telemetry.metrics]
    metrics = [re.escape(m.name) if m.name else m.pattern for _, m in markers]
    known = _Known(
        rules,
        metricnames.resources(resources),
        metricnames.labels(labels),
        re.compile(rf"(?<![\w:])(?:{'|'.join(metrics) or _NEVER})(?![\w:])", re.ASCII),
        markers,
    )
    _made.appendleft(known)
    return known


def _in_query(text: str, known: _Known) -> Iterator[_Seen]:
    """Resources in the form of metrics, and what labels like `resource` say; labels of nodes."""
    text = promql.flat(text)
    matchers = tuple(promql.matchers(text)) if "resource" in text else ()
    for found in known.names.any.finditer(text):
        rule = known.names.owner(found["name"])
        if rule:
            note = LEFT_OUT if _is_left_out(found.start(), matchers) else ""
            yield _Seen(found["name"], _metric(text, found.start()), rule, note)
    for matcher in matchers:
        metric = _metric(text, matcher.start)
        note = _NO_PLUGIN if metric.startswith(_PLUGGED) else ""
        note = LEFT_OUT if matcher.is_left_out else note
        for name, rule in _asked(matcher, known):
            yield _Seen(name, metric, rule, note)
    for found in known.labels.any.finditer(text) if "label_" in text else ():
        rule = known.labels.owner(found["name"])
        if rule and not _is_of_others(text, found.start()):
            yield _Seen(found[0], "", rule)


def _is_of_others(text: str, place: int) -> bool:
    """Whether a label is one of pods or other objects, as its metric or else the query says."""
    metric = _metric(text, place)
    if metric:
        return bool(_LABELS_OF.fullmatch(metric))
    start, end = _query(text, place)
    return bool(_LABELS_OF.search(text, start, end)) and _OF_NODES not in text[start:end]


def _is_left_out(place: int, matchers: Sequence[promql.Matcher]) -> bool:
    """Whether this place stands in a matcher that leaves out what it names."""
    before = bisect_right(matchers, place, key=lambda matcher: matcher.start)
    return before > 0 and matchers[before - 1].is_left_out and place < matchers[before - 1].end


def _asked(matcher: promql.Matcher, known: _Known) -> Iterator[tuple[str, str]]:
    """The resources of a matcher, in their own form or in that of metrics, with their rules."""
    for value in matcher.values:
        name = value.removeprefix("requests.")
        match = ruleset.resource(known.rules, name) if "/" in name else None
        named = known.names.any.search(name)
        if match:
            yield value, match.rule.name
        elif named and (rule := known.names.owner(named["name"])):
            yield named["name"], rule
        elif matcher.is_pattern and (rule := known.names.fitting(_begun(name, known.names))):
            yield value, rule


def _begun(pattern: str, names: metricnames.Names) -> str:
    """The pattern, without a hole before a word that says whose a name is.

    Shape: it is one that names begin with, and that others hold only of the same vendors.
    """
    parts = _HOLE.split(pattern, 2)
    if len(parts) < 2 or parts[0] or not parts[1]:
        return pattern
    holding = [(name, o.partition("/")[0]) for name, o in names.exact.items() if parts[1] in name]
    begun = {vendor for name, vendor in holding if name.startswith(parts[1])}
    is_owned = bool(begun) and all(vendor in begun for _, vendor in holding)
    return _HOLE.sub("", pattern, count=1) if is_owned else pattern


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
    flat = promql.flat(text)
    asked = promql.asked_by_pod(flat) if known.metrics.search(flat) else []
    for found in known.metrics.finditer(flat) if asked or is_scaled else ():
        if not is_scaled and not _is_asked(asked, found.start(), *_query(text, found.start())):
            continue
        for rule, marker in known.markers:
            if found[0] == marker.name or re.fullmatch(marker.pattern, found[0], re.ASCII):
                yield _Seen(found[0], "", rule.name, marker.why)
                break


def _is_asked(asked: Sequence[promql.Asked], place: int, start: int, end: int) -> bool:
    """Whether a query between two places asks by pod for what stands at `place`."""
    first = bisect_left(asked, start, key=lambda each: each.place)
    last = bisect_left(asked, end, first, key=lambda each: each.place)
    return any(each.start <= place < each.end for each in asked[first:last])


def _query(text: str, place: int) -> tuple[int, int]:
    """Where the query around this place stands: of a dashboard or file of rules, the one meant."""
    mark = '"' if _JSON.match(text) else "expr:"
    start, end = max(0, place - _LOOK_AROUND), place + _LOOK_AROUND
    before = _mark(text, mark, text.rfind(mark, start, place), start)
    behind = text.find(mark, place, end)
    while behind > 0 and text[behind - 1] == "\\":
        behind = text.find(mark, behind + 1, end)
    return before + 1 if before >= 0 else start, behind if behind >= 0 else end


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
