"""Device plugins themselves, what sets them up, and settings under which several pods share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from migrate import kube, yamltext
from migrate.errors import MigrateError
from migrate.model import (
    Entries,
    Field,
    Finding,
    Manifest,
    Part,
    Rule,
    Sharing,
    as_text,
    at,
    fields,
)
from migrate.read import ruleset

_ARGUMENT: Final = re.compile(r"^--?(?P<key>[A-Za-z-]+)(?:=(?P<value>.*))?$")
_LONGEST: Final = 1000
_NAMELESS: Final = "device plugin"
"""What a plugin is called that no rule knows."""

_Setting = tuple[Rule, Sharing]


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for the plugin's part that this object is, one for what each setting shares."""
    settings = [(rule, s) for rule in rules if rule.plugin for s in rule.plugin.sharing]
    shared = list(_shared_settings(manifest, entries, settings, rules))
    perhaps = [f for f in shared if not f.note]
    part = _part(manifest, entries, rules, shared)
    if part is None:
        yield from shared
        return
    field, rule, name, said = part
    yield _finding(manifest, field, name, said or (perhaps[0].quantity if perhaps else ""), rule)
    yield from (f for f in shared if f.note)


def own_pods(manifest: Manifest, found: list[Finding]) -> tuple[Field, ...]:
    """The pods of this object that are a plugin's own, and so no workloads."""
    places = [f.field for f in found if f.usage == "plugin"]
    return tuple(
        pod.field
        for pod in kube.podspecs(manifest.body)
        if any(
            place[: len(pod.field)] == pod.field and ("image" in place or "hostPath" in place)
            for place in places
        )
    )


def _finding(
    manifest: Manifest, field: Field, resource: str, quantity: str, rule: str, note: str = ""
) -> Finding:
    line, column = manifest.position(field)
    return Finding("plugin", manifest, field, resource, quantity, rule, line, column, note=note)


# A part of the plugin's stack.

_Known = tuple[Field, str, str, str]
"""Where a part is told by, its rule, its name, and what its settings say."""


def _part(
    manifest: Manifest, entries: Entries, rules: tuple[Rule, ...], shared: list[Finding]
) -> _Known | None:
    """The first part of a plugin's stack that this object is, and is not switched off."""
    parts = [(r, p) for r in rules if r.plugin for p in r.plugin.parts]
    kind = f"{manifest.group}/{manifest.kind}"
    for rule, part in parts:
        if manifest.kind and kind in part.kinds:
            is_off = _is_off(part, manifest.body, ("spec",))
            return None if is_off else (("kind",), rule.name, part.name, "")
    for field, value in entries:
        found = _of_chart(manifest, field, value, parts) or _of_keys(manifest, field, value, parts)
        if found:
            return found
    return _of_pod(manifest, rules, parts, shared)


def _of_chart(
    manifest: Manifest, field: Field, value: Any, parts: list[tuple[Rule, Part]]
) -> _Known | None:
    """The part that a chart brings, if this field names the chart."""
    for rule, part in parts if isinstance(value, str) else ():
        if value not in part.charts:
            continue
        chart = kube.chart(manifest.group, manifest.kind, field)
        if chart and not (chart.values and _is_off(part, manifest.body, chart.values)):
            return field, rule.name, part.name, value
    return None


def _of_keys(
    manifest: Manifest, field: Field, value: Any, parts: list[tuple[Rule, Part]]
) -> _Known | None:
    """The part whose settings these are: in a file of values, or in a text that holds them."""
    for rule, part in parts:
        if not part.keys or part.keys[0] not in (field[-1], *_lines(value)):
            continue
        bodies = []
        if isinstance(value, str):
            parsed = _parsed(value)
            bodies = parsed if isinstance(parsed, list) else []
        elif not manifest.kind and "properties" not in field:
            bodies = [at(manifest.body, field[:-1])]
        for body in bodies:
            known = isinstance(body, dict) and all(key in body for key in part.keys)
            if known and not (part.disabled_by and _is_off(part, body, ())):
                held = body[part.keys[0]]
                counted = len(part.keys) == 1 and isinstance(held, dict)
                said = ", ".join(map(str, held)) if counted else ""
                return field, rule.name, part.name, said
    return None


def _lines(value: Any) -> tuple[str, ...]:
    """The keys at the left edge of a text."""
    if not isinstance(value, str) or "\n" not in value:
        return ()
    return tuple(line.partition(":")[0] for line in value.splitlines() if ":" in line)


def _of_pod(
    manifest: Manifest,
    rules: tuple[Rule, ...],
    parts: list[tuple[Rule, Part]],
    shared: list[Finding],
) -> _Known | None:
    """The part that a pod of this object is: by its image, or by the kubelet's folder it mounts."""
    for pod in kube.podspecs(manifest.body):
        for container in pod.containers:
            said = _said(container.body)
            for rule, part in parts if said else ():
                if any(re.fullmatch(pattern, text) for pattern in part.images for text in said):
                    return (*container.field, "image"), rule.name, part.name, ""
        volumes = pod.body.get("volumes")
        for i, volume in enumerate(volumes if isinstance(volumes, list) else ()):
            path = at(volume, ("hostPath", "path"))
            if isinstance(path, str) and kube.is_plugin_folder(path):
                field = (*pod.field, "volumes", i, "hostPath", "path")
                return field, _rule_of(pod, rules, shared), _NAMELESS, ""
    return None


def _said(container: Mapping[str, Any]) -> tuple[str, ...]:
    """A container's image, and the same with its command behind it."""
    image, command = container.get("image"), container.get("command")
    if not isinstance(image, str):
        return ()
    words = command if isinstance(command, list) else []
    both = " ".join([image, *map(as_text, words)])
    return tuple(text for text in dict.fromkeys((image, both)) if len(text) <= _LONGEST)


def _rule_of(pod: kube.PodSpec, rules: tuple[Rule, ...], shared: list[Finding]) -> str:
    """The rule that a plugin's pod betrays, by its settings, variables or tolerations."""
    if shared:
        return shared[0].rule
    for field, value in fields(pod.body):
        if field[-1] == "name" and "env" in field and isinstance(value, str):
            marker = ruleset.marker(rules, "env", value)
            if marker:
                return marker[0].name
        if field[-1] == "key" and "tolerations" in field and isinstance(value, str):
            match = ruleset.resource(rules, value)
            if match:
                return match.rule.name
    return ""


def _is_off(part: Part, body: Any, root: Field) -> bool:
    """Whether everything that switches the part off is set so."""
    return bool(part.disabled_by) and all(
        at(body, (*root, *key.split("."))) == value for key, value in part.disabled_by.items()
    )


# Settings by which several pods share a device.


def _shared_settings(
    manifest: Manifest, entries: Entries, settings: list[_Setting], rules: tuple[Rule, ...]
) -> Iterator[Finding]:
    keys = {key: None for _, s in settings for key in (s.key, *s.also)}
    for field, value in entries:
        for key, inner in _settings(field, value, tuple(keys)):
            for rule, sharing in settings:
                if key not in (sharing.key, *sharing.also) or not is_on(inner, sharing):
                    continue
                for resource in _replicated(inner, sharing.renames) or (sharing.key,):
                    match = ruleset.resource(rules, resource)
                    yield _finding(
                        manifest,
                        field,
                        resource,
                        f"{sharing.key} {_degree(inner)}".strip(),
                        match.rule.name if match else rule.name,
                        "" if sharing.perhaps else sharing.why,
                    )


def _settings(field: Field, value: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The settings that this field holds: by key, as an argument or variable, or inside a text."""
    spelled = _spelled(field, keys)
    if spelled:
        yield spelled, value
    elif isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str) and name in keys and "value" in value:
            yield name, value["value"]
    elif isinstance(value, str) and any(k in value for k in keys):
        argument = _ARGUMENT.match(value)
        if argument and argument["key"] in keys:
            yield argument["key"], argument["value"] or ""
        elif "\n" in value:
            for inner_field, inner in fields(_parsed(value)):
                spelled = _spelled(inner_field, keys)
                if spelled:
                    yield spelled, inner


def _spelled(field: Field, keys: tuple[str, ...]) -> str:
    """The setting that a field's last key, or its last two, spell."""
    key = field[-1] if field else ""
    if isinstance(key, str) and key in keys:
        return key
    both = f"{field[-2]}.{key}" if len(field) > 1 else ""
    return both if both in keys else ""


def _parsed(text: str) -> Any:
    """The text as YAML, None where it is something else."""
    try:
        return [document.value() for document in yamltext.parse(text.encode()).documents]
    except (MigrateError, UnicodeEncodeError):
        return None


def is_on(value: Any, sharing: Sharing) -> bool:
    """Whether the setting lets several pods use one device."""
    if isinstance(value, dict):
        return bool(_replicated(value, sharing.renames))
    said = as_text(value)
    if said in sharing.values:
        return True
    return said not in sharing.unless and said.isdecimal() and int(said) > 1


def _replicated(value: Any, renames: Mapping[str, str]) -> tuple[str, ...]:
    """The resources that are replicated, by the names under which pods get a share."""
    items = at(value, ("resources",))
    if not isinstance(items, list):
        return ()
    end = "".join(ending for key, ending in renames.items() if at(value, (key,)) is True)
    return tuple(
        f"{item.get('name', '')}{end}"
        for item in items
        if isinstance(item, dict)
        and str(item.get("replicas", "")).isdecimal()
        and int(str(item["replicas"])) > 1
    )


def _degree(value: Any) -> str:
    """How many pods share one device, as the setting says it."""
    if not isinstance(value, dict):
        return as_text(value)
    items = at(value, ("resources",))
    counts = (
        {str(i.get("replicas")) for i in items if isinstance(i, dict)}
        if isinstance(items, list)
        else set()
    )
    return ", ".join(sorted(counts))
