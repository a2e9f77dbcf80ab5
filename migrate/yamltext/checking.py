"""What the bytes after an edit say otherwise than is meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from migrate.errors import EditRefused, YamlError
from migrate.model import ABSENT, Edit, Field
from migrate.yamltext.documents import Text
from migrate.yamltext.meaning import applied, outcome
from migrate.yamltext.nodes import LIMITS, Limits
from migrate.yamltext.reading import parse
from migrate.yamltext.values import is_same


def difference(
    text: Text, data: bytes, expected: Mapping[int, Any], blocks: list[tuple[int, str]]
) -> str:
    """What the new bytes say otherwise than is meant, "" where nothing."""
    try:
        after = parse(data, template=bool(text.masked), limits=_CHECKED)
        meant: list[Any] = []
        for document in text.documents:
            for number, block in blocks:
                if number == document.index:
                    meant.extend(d.value() for d in parse(block.encode()).documents)
            value = document.value()
            meant.append(expected.get(document.index, value))
    except YamlError as error:
        return f"the edited text would not parse: {error.reason}"
    if len(after.documents) != len(meant):
        return "the edited text would have another number of documents"
    if not all(is_same(d.value(), m) for d, m in zip(after.documents, meant, strict=True)):
        return "the edited text would not say what is meant"
    if text.is_json and not after.is_json:
        return "the edited text would no longer be JSON"
    return ""


_CHECKED: Final = Limits(size=2 * LIMITS.size, depth=2 * LIMITS.depth, nodes=2 * LIMITS.nodes)


_SECOND_OPINION: Final = 1_000_000
"""Characters up to which the slow second parser is asked."""


def second_opinion(
    text: Text,
    data: bytes,
    edits: Mapping[int, tuple[list[Edit], Collection[Field]]],
    blocks: list[tuple[int, str]],
) -> str:
    """What a YAML 1.2 parser, asked before and after, says against the edit; "" if nothing."""
    if len(text.plain) > _SECOND_OPINION:
        return ""
    before = _loaded(text.plain)
    if before is None or len(before) != len(text.documents):
        return ""
    after = _loaded(parse(data, template=bool(text.masked), limits=_CHECKED).plain)
    if after is None:
        return "a YAML 1.2 parser would not read the edited text"
    meant: list[Any] = []
    for number, body in enumerate(before):
        for at, block in blocks:
            if at == number:
                meant.extend(_loaded(block) or [None])
        try:
            own, roots = edits.get(number, ([], set()))
            meant.append(applied(body, outcome(body, own, roots)))
        except EditRefused:
            meant.append(ABSENT)
    if len(meant) != len(after):
        return "a YAML 1.2 parser would count other documents"
    pairs = zip(meant, after, strict=True)
    if all(one is ABSENT or is_same(one, other) for one, other in pairs):
        return ""
    return "a YAML 1.2 parser would read the edited text otherwise"


@lru_cache(maxsize=8)
def _loaded(source: str) -> list[Any] | None:
    """The documents as a YAML 1.2 parser reads them, None where it does not."""
    import warnings

    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(YAML(typ="safe", pure=True).load_all(source))
        except (YAMLError, ValueError, TypeError, KeyError, RecursionError):
            return None
