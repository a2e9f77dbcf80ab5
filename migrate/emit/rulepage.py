"""A rule as a page of documentation, and all rules as a table of what they cover."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from migrate.model import (
    USAGES,
    DeviceClass,
    Label,
    LabelValue,
    Marker,
    PlacementUsage,
    PluginUsage,
    Resource,
    Rule,
    RuntimeUsage,
    Usage,
)

GENERATED: Final = "Made of the rules and their cases by `pytest tests/test_rule_pages.py --bless`."

LEGEND: Final = (
    "container: how the resource names map; exact is done, approx and none are explained.",
    "placement: labels that become selectors of a claim, or stay.",
    "runtime: variables, runtime classes, paths, annotations, schedulers: told of, or warned of.",
    "quota: follows from the resource names.",
    "plugin: parts and sharing are found; exclusive, where plugin and driver must be kept apart.",
    "telemetry: found by the resource names; told, metrics of exporters.",
    "dra: claims of an older form are brought up to date whatever their driver is.",
)

_MARKERS: Final = {
    "env": "Variables",
    "runtime_classes": "Runtime classes",
    "host_paths": "Host paths",
    "annotations": "Annotations",
    "schedulers": "Schedulers",
}
_WRITERS: Final = {"plugin": "the plugin's stack", "cloud": "the cloud", "admin": "others"}


@dataclass(frozen=True, slots=True)
class Example:
    """One file of a case, before and after.

    Shape: `after` is "" where the file stays as it is.
    """

    case: str
    path: str
    before: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What one rule covers, a word or two for every usage."""

    rule: Rule
    cells: Mapping[Usage, str]

    @property
    def source(self) -> str:
        """The first source, without the paths in it."""
        return re.split(r"[:,]? ", self.rule.sources[0])[0].rstrip(":")

    @property
    def maturity(self) -> str:
        return self.rule.maturity or "Labels of nodes only."


def coverage(rules: Iterable[Rule]) -> tuple[Row, ...]:
    """What every rule covers, in the order of the rules."""
    return tuple(Row(rule, {usage: _cell(rule, usage) for usage in USAGES}) for rule in rules)


def _cell(rule: Rule, usage: Usage) -> str:
    resources = rule.container.resources if rule.container else ()
    match usage:
        case "container":
            ways = {resource.maps for resource in resources}
            return ", ".join(maps for maps in ("exact", "approx", "none") if maps in ways)
        case "placement":
            return ", ".join(_fates(rule.placement)) if rule.placement else ""
        case "runtime":
            marks = [mark for _, marks in _marks(rule.runtime) for mark in marks]
            return "warns" if any(mark.warns for mark in marks) else "told" if marks else ""
        case "quota":
            return "found" if resources else ""
        case "plugin":
            return ", ".join(_plugin(rule.plugin)) if rule.plugin else ""
        case "telemetry":
            there = (("found", resources), ("told", rule.telemetry))
            return ", ".join(word for word, is_there in there if is_there)
        case "dra":
            return "any" if rule.driver else ""


def _fates(placement: PlacementUsage) -> list[str]:
    moves = any(
        label.writer == "plugin" and any(value.maps == "exact" for value in label.values)
        for label in placement.labels
    )
    stays = any(label.writer != "plugin" for label in placement.labels)
    return [word for word, is_so in (("selectors", moves), ("stays", stays)) if is_so]


def _plugin(plugin: PluginUsage) -> list[str]:
    there = (
        ("parts", plugin.parts),
        ("sharing", plugin.sharing),
        ("exclusive", plugin.exclusive),
    )
    return [word for word, found in there if found]


def _marks(runtime: RuntimeUsage | None) -> Iterable[tuple[str, Sequence[Marker]]]:
    return [(f.name, getattr(runtime, f.name)) for f in fields(RuntimeUsage)] if runtime else ()


def index(rules: Sequence[Rule]) -> str:
    """The page that leads to all others: a table of every rule and usage."""
    head = ["Rule", "Devices", *USAGES, "Maturity"]
    rows = [
        [
            f"[{row.rule.name}]({file_name(row.rule)})",
            row.rule.title,
            *(row.cells[usage] or "–" for usage in USAGES),
            row.maturity,
        ]
        for row in coverage(rules)
    ]
    parts = [
        "# Rules",
        GENERATED,
        f"{len(rules)} rules, one a device family or the labels of one cloud.",
        _table(head, rows),
        _list(LEGEND),
    ]
    return "\n\n".join(parts) + "\n"


def file_name(rule: Rule) -> str:
    """What the page of a rule is called."""
    return f"{rule.name.replace('/', '-')}.md"


def page(rule: Rule, example: Example | None = None) -> str:
    """The page of one rule."""
    driver = f"DRA driver: `{rule.driver}`." if rule.driver else "There is no DRA driver."
    parts = [
        f"# {rule.title}",
        GENERATED,
        " ".join(filter(None, [f"Rule `{rule.name}`.", *([driver] if rule.container else [])])),
        rule.maturity,
        *_found(rule),
        *_becomes(rule),
        *(_example(example) if example else ()),
        *_section("What is lost" if rule.driver else "Limits", rule.limits),
        *_section("What it requires", _required(rule)),
        *_section("Sources", [_code(source) for source in rule.sources]),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _found(rule: Rule) -> list[str]:
    resources = rule.container.resources if rule.container else ()
    labels = rule.placement.labels if rule.placement else ()
    parts = ["## What is found"]
    if resources:
        rows = [_resource(resource) for resource in resources]
        parts += ["### Resources", _table(["Resource", "Maps", "Becomes", "To be known"], rows)]
    if labels:
        rows = [row for label in labels for row in _label(label)]
        parts += ["### Node labels", _table(["Label", "Written by", "Value", "Becomes"], rows)]
        told = [label for label in labels if label.why]
        parts.append(_list(f"{_names(label.key, label.pattern)}: {label.why}" for label in told))
    for name, marks in _marks(rule.runtime):
        said = [f"{_names(mark.name, mark.pattern)}{_warning(mark)}: {mark.why}" for mark in marks]
        parts += [f"### {_MARKERS[name]}", _list(said)] if said else []
    if rule.plugin and rule.plugin.parts:
        said = [f"{part.name}: {part.why}" for part in rule.plugin.parts]
        parts += ["### The plugin and what runs beside it", _list(said)]
    if rule.plugin and rule.plugin.sharing:
        said = [f"{_code(sharing.key)}: {sharing.why}" for sharing in rule.plugin.sharing]
        parts += ["### Sharing", _list(said)]
    if rule.telemetry:
        said = [f"{_names(m.name, m.pattern)}: {m.why}" for m in rule.telemetry.metrics]
        parts += ["### Metrics", _list(said)]
    return parts


def _warning(mark: Marker) -> str:
    if mark.part:
        return " (such a pod is left to a person)"
    return " (a danger beside a claim)" if mark.warns else ""


def _resource(resource: Resource) -> list[str]:
    becomes = [_code(resource.device_class)] if resource.device_class else []
    if resource.allocation_mode == "All":
        becomes.append("all devices of the node")
    becomes += [_code(selector) for selector in resource.selectors]
    instead = f"Instead: {resource.instead}" if resource.instead else ""
    return [
        _names(resource.name, resource.pattern),
        resource.maps,
        "<br>".join(becomes) or "nothing",
        " ".join(filter(None, [resource.why, instead])),
    ]


def _label(label: Label) -> Iterable[list[str]]:
    """One row for every form of the value; one for a label that says nothing of a device."""
    first = [_names(label.key, label.pattern), _WRITERS[label.writer]]
    if not label.values:
        return [[*first, "any", "stays"]]
    return [
        [*(first if number == 0 else ["", ""]), _code(value.match), _value(label, value)]
        for number, value in enumerate(label.values)
    ]


def _value(label: Label, value: LabelValue) -> str:
    becomes = [_code(cel) for cel in (value.device_class, value.cel) if cel]
    if label.writer != "plugin" or value.maps != "exact":
        said = "stays" if value.maps == "none" else f"stays ({value.maps}"
        becomes = [f"{said}: {', '.join(becomes)})" if becomes else said.replace(" (", ", ")]
    return "<br>".join([*(becomes or ["nothing more than the class"]), value.why]).strip("<br>")


def _becomes(rule: Rule) -> list[str]:
    classes = rule.container.classes if rule.container else ()
    tolerations = rule.placement.tolerations if rule.placement else ()
    parts = ["## What it becomes"] if classes or tolerations else []
    if classes:
        head = ["DeviceClass", "Selects", "Extended resource", "To be known"]
        parts.append(_table(head, [_class(each) for each in classes]))
    if tolerations:
        parts.append(_list(f"Toleration {_code(t.key)} ({t.effect}): {t.why}" for t in tolerations))
    return parts


def _class(device_class: DeviceClass) -> list[str]:
    name = device_class.extended_resource_name
    return [
        _code(device_class.name),
        "<br>".join(map(_code, device_class.selectors)),
        _code(name) if name else "–",
        device_class.why,
    ]


def _example(example: Example) -> list[str]:
    parts = [f"## Example\n\nFrom the case `{example.case}`, `{example.path}` before:"]
    parts.append(_fenced(example.before))
    if example.after:
        return [*parts, "After:", _fenced(example.after)]
    return [*parts, "It stays as it is."]


def _required(rule: Rule) -> list[str]:
    exclusive = rule.plugin.exclusive if rule.plugin else ""
    return [*rule.requires, *([exclusive] if exclusive else [])]


def _section(title: str, items: Iterable[str]) -> list[str]:
    listed = _list(items)
    return [f"## {title}", listed] if listed else []


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _names(name: str, pattern: str) -> str:
    return _code(name) if name else f"names like {_code(pattern)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell_text(c) for c in line) + " |" for line in lines)


def _cell_text(text: str) -> str:
    """A cell's text; a bar, in code too, would end it."""
    return text.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    """Text as code, whatever backticks are in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {text} {ticks}" if longest else f"`{text}`"


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}yaml\n{text.rstrip()}\n{fence}"
