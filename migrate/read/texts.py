"""The objects that stand in strings: configuration in ConfigMaps and values, patches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from migrate import kube, yamltext
from migrate.model import ABSENT, Field, Manifest, at

INSIDE: Final = "it stands in a string, which a person edits"
_COPY: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""The object once more, as kubectl applied it."""
_EXAMPLES: Final = frozenset({_COPY, "description", "alm-examples"})
"""Keys of strings that make nothing: copies, prose, and the examples of a catalog."""
_PATCHES: Final = frozenset({"patches", "patchesStrategicMerge", "patchesJson6902"})
"""Fields of a kustomization, and of what is handed one."""
_PLACED: Final = ("nodeSelector", "nodeAffinity", "topologyKey")
_ASKING: Final = ("limits", "requests", "esource")
_KEY: Final = re.compile(
    r"/(?<!kubernetes\.io/)(?<!k8s\.io/)(?<!helm\.sh/)[A-Za-z0-9][\w.-]*"
    r"(?:\\*[\"'][ \t]*:|[ \t]*:(?=[ \t\r\n]|\Z))|~1"
)
"""The name of a resource as a key, or in a JSON Pointer."""


@dataclass(frozen=True, slots=True)
class Held:
    """An object in a string: `holder` is the object around it, `field` leads to the string."""

    manifest: Manifest
    holder: Manifest
    field: Field

    @property
    def told(self) -> str:
        """Why nothing that stands in it is edited, and what a person may do."""
        if at(self.manifest.body, ("apiVersion",)) is ABSENT:
            return INSIDE
        if not _PATCHES.isdisjoint(self.field):
            return f"{INSIDE}: {kube.PATCHED}"
        if "{{" in self.manifest.name:
            return f"{INSIDE}: plan the {self.manifest.kind} that is made of it"
        return f"{INSIDE}: in a file of its own the {self.manifest.kind} can be planned"


def is_example(manifest: Manifest, field: Field) -> bool:
    """Whether what stands at a field shows what could be, or what was, and makes nothing."""
    return manifest.kind == "CustomResourceDefinition" or not _EXAMPLES.isdisjoint(field)


def is_schema(manifest: Manifest) -> bool:
    """Whether the object says what others may look like, and what it holds are examples."""
    body = manifest.body
    is_api = (
        isinstance(body, dict) and not manifest.kind and ("openapi" in body or "swagger" in body)
    )
    return manifest.kind == "CustomResourceDefinition" or is_api


def is_prose(field: Field) -> bool:
    """Whether a way into a text leads through sentences, which parse where they have colons."""
    return any(isinstance(key, str) and " " in key.strip() and "{" not in key for key in field)


def held(source: str, manifest: Manifest, is_wanted: Callable[[str], bool]) -> Iterator[Held]:
    """The objects in the strings of `manifest`; `source` is the text that it was read from.

    Shape: one that names no kind has the name of the file that it is known to be, or "".
    """
    document = manifest.positions
    if not isinstance(document, yamltext.Document):
        return
    within = manifest.origin.within
    for inside in yamltext.inside(source, document, within, is_wanted):
        if _COPY not in inside.field:
            found = _manifest(manifest, inside.document.value(), inside)
            yield Held(found, manifest, inside.field[len(within) :])


def file_kind(manifest: Manifest) -> Manifest:
    """The manifest, under the name of the file that it is known to be where it names no kind."""
    kind = "" if manifest.kind else kube.file_kind(manifest.body)
    return replace(manifest, kind=kind) if kind else manifest


def wanted(others: Iterable[str]) -> Callable[[str], bool]:
    """Whether a string can hold what we look for: a request, or one of our words or others."""
    known = sorted({*_PLACED, *kube.bound_words(), *others})
    words = re.compile(rf"\b(?:{'|'.join(map(re.escape, known))})\b")

    def is_wanted(text: str) -> bool:
        if any(word in text for word in _ASKING) and _KEY.search(text):
            return True
        return words.search(text) is not None

    return is_wanted


def _manifest(holder: Manifest, body: object, inside: yamltext.Inside) -> Manifest:
    kind, version = at(body, ("kind",)), at(body, ("apiVersion",))
    is_object = isinstance(kind, str) and isinstance(version, str)
    name, namespace = at(body, ("metadata", "name")), at(body, ("metadata", "namespace"))
    is_named = is_object and isinstance(name, str)
    origin = holder.origin
    return Manifest(
        api_version=str(version) if is_object else "",
        kind=str(kind) if is_object else kube.file_kind(body),
        namespace=namespace if isinstance(namespace, str) else "" if is_named else holder.namespace,
        name=str(name) if is_named else holder.name,
        body=body,
        origin=replace(
            origin,
            line=inside.position(inside.field)[0],
            readonly=INSIDE,
            within=inside.field,
        ),
        positions=inside,
    )
