"""The objects that stand in strings: configuration in ConfigMaps and values, patches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from migrate import kube, yamltext
from migrate.model import Field, Manifest, at

INSIDE: Final = "it stands in a string, which a person edits"
_COPY: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""The object once more, as kubectl applied it."""
_PLACED: Final = ("nodeSelector", "nodeAffinity", "topologyKey")


@dataclass(frozen=True, slots=True)
class Held:
    """An object in a string: `holder` is the object around it, `field` leads to the string."""

    manifest: Manifest
    holder: Manifest
    field: Field


def held(source: str, manifest: Manifest, words: re.Pattern[str]) -> Iterator[Held]:
    """The objects in the strings of `manifest`; `source` is the text that it was read from.

    `words` is what every string has in it that holds one we ask for.
    Shape: one that names no kind has the name of the file that it is known to be, or "".
    """
    document = manifest.positions
    if not isinstance(document, yamltext.Document):
        return
    within = manifest.origin.within
    for inside in yamltext.inside(source, document, within, words):
        if _COPY not in inside.field:
            found = _manifest(manifest, inside.document.value(), inside)
            yield Held(found, manifest, inside.field[len(within) :])


def file_kind(manifest: Manifest) -> Manifest:
    """The manifest, under the name of the file that it is known to be where it names no kind."""
    kind = "" if manifest.kind else kube.file_kind(manifest.body)
    return replace(manifest, kind=kind) if kind else manifest


def words(others: Iterable[str]) -> re.Pattern[str]:
    """What every string has in it that holds an object we ask for: `others`, or a word of ours."""
    known = sorted({*_PLACED, *kube.bound_words(), *others})
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, known))})\b")


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
