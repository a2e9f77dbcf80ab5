"""Device plugins themselves, what sets them up, and settings under which several pods share."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, Final

from migrate import kube
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


def words(rules: tuple[Rule, ...]) -> Iterator[str]:
    """What stands in every text that holds a plugin's settings."""
    stack = ruleset.stack(rules)
    yield from stack.keys
    # Of two keys, one below the other, the last is what is set.
    yield from (key.rpartition(".")[2] for key in stack.settings)


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for the plugin's part that this object is, one for what each setting shares."""
    shared = [] if _is_of_claims(manifest) else list(_shared_settings(manifest, entries, rules))
    perhaps = [f for f in shared if not f.note]
    parts = list(_parts(manifest, entries, rules, shared))
    for field, rule, name, said in parts:
        quantity = said or (perhaps[0].quantity if perhaps else "")
        yield _finding(manifest, field, name, quantity, rule)
    yield from (f for f in shared if f.note or not parts)


def _is_of_claims(manifest: Manifest) -> bool:
    """Whether an object sets up a driver's devices, and no plugin: those words are said there too.

    Source: Kubernetes 1.26 to 1.31, parametersRef of classic DRA, which named a kind of its own.
    """
    return manifest.group == kube.GROUP or manifest.kind.endswith("Parameters")


def is_staying(finding: Finding, rules: tuple[Rule, ...]) -> bool:
    """Whether it finds a part that stays when the plugin goes."""
    rule = next((r for r in rules if r.name == finding.rule), None)
    part = rule.part(finding.resource) if rule and finding.usage == "plugin" else None
    return part is not None and not part.goes


def own_pods(manifest: Manifest, found: list[Finding]) -> tuple[Field, ...]:
    """The pods of this object that are a plugin's own, and so no workloads.

    Shape: the object as a whole, where it is what sets the plugin up.
    """
    places = [f.field for f in found if f.usage == "plugin" and not f.note]
    if any(at == ("kind",) or kube.chart(manifest.group, manifest.kind, at) for at in places):
        return ((),)
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


def _parts(
    manifest: Manifest, entries: Entries, rules: tuple[Rule, ...], shared: list[Finding]
) -> Iterator[_Known]:
    """The parts of plugins' stacks that this object is or brings, and does not switch off."""
    stack = ruleset.stack(rules)
    known = stack.kinds.get(_kind(manifest)) if manifest.kind else None
    if known:
        rule, part = known
        if not _is_off(part, manifest.body, ("spec",)):
            yield ("kind",), rule.name, part.name, ""
        return
    found = [
        one
        for field, value in entries
        if isinstance(value, str) and value in stack.charts
        for one in _of_chart(manifest, field, value, *stack.charts[value])
    ] or [
        one
        for field, _ in entries
        if field[-1] in stack.keys and not manifest.kind and "properties" not in field
        for one in _of_keys(manifest, field, stack.keys[str(field[-1])])
    ]
    yield from found or _of_pod(manifest, rules, stack, shared)


def _kind(manifest: Manifest) -> str:
    return f"{manifest.group}/{manifest.kind}"


def _of_chart(
    manifest: Manifest, field: Field, name: str, rule: Rule, part: Part
) -> Iterator[_Known]:
    """The part that a chart brings, if this field names the chart."""
    chart = kube.chart(manifest.group, manifest.kind, field)
    if chart and not (chart.values and _is_off(part, manifest.body, chart.values)):
        yield field, rule.name, part.name, name


def _of_keys(
    manifest: Manifest, field: Field, known: Sequence[tuple[Rule, Part]]
) -> Iterator[_Known]:
    """The parts whose settings these are."""
    body = at(manifest.body, field[:-1])
    for rule, part in known:
        is_whole = isinstance(body, dict) and all(
            any(each in body for each in key.split("|")) for key in part.keys
        )
        if is_whole and not (part.disabled_by and _is_off(part, body, ())):
            held = body[part.keys[0]]
            counted = len(part.keys) == 1 and isinstance(held, dict)
            yield field, rule.name, part.name, ", ".join(map(str, held)) if counted else ""


def _of_pod(
    manifest: Manifest, rules: tuple[Rule, ...], stack: ruleset.Stack, shared: list[Finding]
) -> Iterator[_Known]:
    """The part that a pod of this object is: by its image, or by the kubelet's folder it mounts."""
    for pod in kube.podspecs(manifest.body):
        for container in pod.containers:
            said = _said(container.body)
            for images, rule, part in stack.images if said else ():
                is_part = any(images.fullmatch(text) for text in said)
                if is_part and rule.name not in _served(container.body, rules):
                    yield (*container.field, "image"), rule.name, part.name, ""
                    return
        volumes = pod.body.get("volumes")
        for i, volume in enumerate(volumes if isinstance(volumes, list) else ()):
            path = at(volume, ("hostPath", "path"))
            if isinstance(path, str) and kube.is_plugin_folder(path):
                field = (*pod.field, "volumes", i, "hostPath", "path")
                yield field, _rule_of(pod, rules, shared), _NAMELESS, ""
                return


def _said(container: Mapping[str, Any]) -> tuple[str, ...]:
    """A container's image, and the same with its command behind it."""
    image, command = container.get("image"), container.get("command")
    if not isinstance(image, str):
        return ()
    words = command if isinstance(command, list) else []
    both = " ".join([image, *map(as_text, words)])
    return tuple(text for text in dict.fromkeys((image, both)) if len(text) <= _LONGEST)


def _served(container: Mapping[str, Any], rules: tuple[Rule, ...]) -> set[str]:
    """The rules of what a container asks for: one that asks is served, whatever its image."""
    limits = at(container, ("resources", "limits"))
    matches = (ruleset.resource(rules, str(name)) for name in _mapping(limits))
    return {match.rule.name for match in matches if match}


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


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
    """Whether the first of what switches the part off is set so."""
    return any(
        at(body, (*root, *key.split("."))) == value
        for key, value in list(part.disabled_by.items())[:1]
    )


# Settings by which several pods share a device.


def _shared_settings(
    manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]
) -> Iterator[Finding]:
    settings = ruleset.stack(rules).settings
    for field, value in entries:
        key, inner = _setting(field, value, settings)
        for rule, sharing in settings.get(key, ()):
            if not (is_on(inner, sharing) and _may_set(manifest, rule)):
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


def _may_set(manifest: Manifest, rule: Rule) -> bool:
    """Whether a rule's settings are meant here: not in the kind of another plugin of its group."""
    kinds = {kind for part in rule.plugin.parts for kind in part.kinds} if rule.plugin else set()
    groups = {kind.partition("/")[0] for kind in kinds}
    return manifest.group not in groups or _kind(manifest) in kinds


def _setting(field: Field, value: Any, keys: Container[str]) -> tuple[str, Any]:
    """The setting that this field holds, by key, as an argument or as a variable; "" for none."""
    if spelled := _spelled(field, keys):
        return spelled, value
    if isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str) and name in keys and "value" in value:
            return name, value["value"]
    elif isinstance(value, str) and value[:1] == "-":
        argument = _ARGUMENT.match(value)
        if argument and argument["key"] in keys:
            return argument["key"], argument["value"] or ""
    return "", None


def _spelled(field: Field, keys: Container[str]) -> str:
    """The setting that a field's last key, or its last two, spell."""
    key = field[-1] if field else ""
    if isinstance(key, str) and key in keys:
        return key
    both = f"{field[-2]}.{key}" if len(field) > 1 else ""
    return both if both in keys else ""


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
