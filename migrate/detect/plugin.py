"""Settings of device plugins under which a count no longer means whole devices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from migrate import yamltext
from migrate.errors import MigrateError
from migrate.model import Entries, Finding, Manifest, Rule, Sharing, as_text, at, fields
from migrate.read import ruleset

_ARGUMENT: Final = re.compile(r"^--?(?P<key>[A-Za-z-]+)(?:=(?P<value>.*))?$")


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every sharing setting that is on, also in texts and arguments."""
    settings = [(rule, s) for rule in rules if rule.plugin for s in rule.plugin.sharing]
    keys = tuple(s.key for _, s in settings)
    for field, value in entries:
        for setting, inner in _settings(field[-1], value, keys):
            for rule, sharing in settings:
                if sharing.key != setting or not is_on(inner, sharing):
                    continue
                line, column = manifest.position(field)
                for resource in _shared(inner) or (setting,):
                    match = ruleset.resource(rules, resource)
                    yield Finding(
                        usage="plugin",
                        manifest=manifest,
                        field=field,
                        resource=resource,
                        quantity=f"{setting} {_degree(inner)}".strip(),
                        rule=match.rule.name if match else rule.name,
                        line=line,
                        column=column,
                        note=sharing.why,
                    )


def _settings(key: str | int, value: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The settings that this field holds: by key, as an argument, or inside a text."""
    if isinstance(key, str) and key in keys:
        yield key, value
    elif isinstance(value, str) and any(k in value for k in keys):
        argument = _ARGUMENT.match(value)
        if argument and argument["key"] in keys:
            yield argument["key"], argument["value"] or ""
        elif "\n" in value:
            for field, inner in fields(_parsed(value)):
                if field[-1] in keys:
                    yield str(field[-1]), inner


def _parsed(text: str) -> Any:
    """The text as YAML, None where it is something else."""
    try:
        return [document.value() for document in yamltext.parse(text.encode()).documents]
    except (MigrateError, UnicodeEncodeError):
        return None


def is_on(value: Any, sharing: Sharing) -> bool:
    """Whether the setting lets several pods use one device."""
    if isinstance(value, dict):
        return bool(_shared(value))
    said = as_text(value)
    return said not in sharing.unless and said.isdecimal() and int(said) > 1


def _shared(value: Any) -> tuple[str, ...]:
    """The resources that are replicated, as the plugins' own configuration names them."""
    items = at(value, ("resources",))
    if not isinstance(items, list):
        return ()
    return tuple(
        str(item.get("name", ""))
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
