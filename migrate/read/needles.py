"""Which files are worth parsing, told from their bytes alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from migrate import kube
from migrate.model import PluginUsage, Rule

_KUBERNETES: Final = (
    "resource.k8s.io",
    "deviceclass.resource.kubernetes.io",
    "alpha.kubernetes.io",
    "device-plugin",
    "nominalQuota",
    "managedResources",
    # A query may match the names of devices by a pattern, and so name none in full.
    "resource=~",
    "resource!~",
)
"""What hangs on devices whatever the vendor: claims, classes, the oldest names, plugins, quotas."""

# A resource that no rule knows is still a key `domain/name:` in a file that speaks of resources.
# The slash comes first because a fixed first character is what makes the search fast (1 GB/s, and
# half of all real manifests stop here). Domains of Kubernetes itself are no extended resources,
# and Helm and controller-gen put their labels on whole trees.
# In a JSON Pointer the slash is `~1` and the name ends with its segment.
_KEY: Final = re.compile(
    rb"/(?<!kubernetes\.io/)(?<!k8s\.io/)(?<!helm\.sh/)(?<!gen\.kubebuilder\.io/)"
    rb"[A-Za-z0-9][\w.-]*"
    rb"(?:\\?[\"'][ \t]*:|[ \t]*:(?=[ \t\r\n]|\Z))"
)
# The field stands, without a value beside it, in every schema of a pod as well.
_CLASS_FIELD: Final = b"runtimeClassName"
_CLASS: Final = re.compile(_CLASS_FIELD + rb"\\?[\"']?[ \t]*:[ \t]*\\?[\"']?[^\s\\\"']")
_POINTER: Final = b"~1"
_NAMED: Final = re.compile(rb"[\w-]/[A-Za-z0-9][\w.-]*[\"']?[ \t]*[\r\n,}][ \t]*[\"']?quantity\b")
_ASKED: Final = (b"imits", b"equests", b"esource")
# Helm writes the dots of a key with a backslash: `limits.example\.com/device`.
_ESCAPED: Final = b"\\."
_PARAMETER: Final = re.compile(rb"(?:imits|equests|elector)\.\\*[\"']?[\w-]+\\")


# Pods that use claims need no other word of ours. The list itself is looked for: a schema of a
# pod has the key, and says something else of it.
_CLAIMS: Final = re.compile(
    rb"laims\\?[\"']?[ \t]*:(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*(?:\[[ \t\r\n]*[{\w]|-[ \t\r\n])"
)
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_]")


def needles(rules: Iterable[Rule]) -> tuple[bytes, ...]:
    """The byte strings of which a file that a rule speaks of holds at least one.

    Shape: none contains another; names are cut before their slash, which JSON Pointers escape.
    """
    words = {
        *_KUBERNETES,
        *kube.settling(),
        *kube.chart_names(),
        *(word for rule in rules for word in (*_words(rule), *_in_metrics(rule))),
    }
    least = [word for word in words if not any(o != word and o in word for o in words)]
    return tuple(sorted(word.encode() for word in least))


def is_worth_parsing(data: bytes, words: tuple[bytes, ...]) -> bool:
    """Whether a file of these bytes can hold a finding; `words` come from `needles`."""
    if any(word in data for word in _ASKED) and (
        _KEY.search(data) or _POINTER in data or _NAMED.search(data)
    ):
        return True
    if _ESCAPED in data and _PARAMETER.search(data):
        return True
    if b"laims" in data and _CLAIMS.search(data):
        return True
    return any(
        word in data and (word != _CLASS_FIELD or _CLASS.search(data) is not None) for word in words
    )


def _words(rule: Rule) -> Iterator[str]:
    for resource in rule.container.resources if rule.container else ():
        yield from map(_domain, _literals(resource.name, resource.pattern))
    for label in rule.placement.labels if rule.placement else ():
        # Labels that clouds and administrators write stay as they are: alone they are no finding.
        if label.writer == "plugin":
            yield from map(_domain, _literals(label.key, label.pattern))
    if rule.runtime:
        exact = (*rule.runtime.env, *rule.runtime.host_paths, *rule.runtime.schedulers)
        for marker in exact:
            yield from _literals(marker.name, marker.pattern)
        for marker in rule.runtime.annotations:
            yield from map(_domain, _literals(marker.name, marker.pattern))
        if rule.runtime.runtime_classes:
            # The class itself is often a common word; its field is not.
            yield _CLASS_FIELD.decode()
    if rule.plugin:
        yield from _plugin_words(rule.plugin)


def _plugin_words(plugin: PluginUsage) -> Iterator[str]:
    for sharing in plugin.sharing:
        yield sharing.key
        # Of two keys, one below the other, neither is anything by itself.
        yield from (word for word in sharing.also if "." not in word)
    for part in plugin.parts:
        yield from (kind.partition("/")[0] for kind in part.kinds)
        yield from part.charts
        yield from part.keys[:1]
        for image in part.images:
            yield from _literals("", image)


def _in_metrics(rule: Rule) -> Iterator[str]:
    """Domains as metrics write them, with a dot at least for others are too common; and metrics."""
    for resource in rule.container.resources if rule.container else ():
        for literal in _literals(resource.name, resource.pattern):
            yield from _metric_domain(literal)
    for label in rule.placement.labels if rule.placement else ():
        if label.writer == "plugin":
            for literal in _literals(label.key, label.pattern):
                yield from _metric_domain(literal)
    for metric in rule.telemetry.metrics if rule.telemetry else ():
        yield from _literals(metric.name, metric.pattern)


def _metric_domain(name: str) -> Iterator[str]:
    domain, slash, _ = name.partition("/")
    if slash and "." in domain:
        yield _UNSAFE.sub("_", f"{domain}/")


def _domain(name: str) -> str:
    return name.partition("/")[0] or name


def _literals(name: str, pattern: str) -> tuple[str, ...]:
    """The name, or for every alternative of the pattern the longest text that it must contain."""
    if name:
        return (name,)
    return tuple(max(runs, key=len) for runs in _alternatives(pattern))


_TOKEN: Final = re.compile(
    r"\\(?P<escaped>\W)|(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\]|\\\w|[.^$])"
    r"|(?P<open>\()|(?P<close>\))|(?P<or>\|)|(?P<quantifier>[*+?]|\{[0-9,]*\})|(?P<plain>.)",
    re.DOTALL,
)


def _alternatives(pattern: str) -> list[list[str]]:
    """For every alternative outside of groups, the runs of plain characters outside of groups."""
    found, depth = [[""]], 0
    for token in _TOKEN.finditer(pattern):
        runs = found[-1]
        kind = token.lastgroup
        if kind in ("open", "close"):
            depth += 1 if kind == "open" else -1
            runs.append("")
        elif depth:
            continue
        elif kind == "or":
            found.append([""])
        elif kind == "quantifier":
            # The last character may be absent, and after it anything may follow.
            runs[-1] = runs[-1][:-1]
            runs.append("")
        elif kind == "class":
            runs.append("")
        else:
            runs[-1] += token["escaped"] or token["plain"] or ""
    return found
