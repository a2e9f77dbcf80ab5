"""What the bytes after an edit say otherwise than is meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from migrate.errors import EditRefused, MigrateError, YamlError
from migrate.model import ABSENT, Edit, Field
from migrate.yamltext.documents import Document, Text
from migrate.yamltext.meaning import applied, outcome
from migrate.yamltext.nodes import LIMITS, Limits, walk
from migrate.yamltext.reading import parse
from migrate.yamltext.values import STR, is_same


def objection(
    text: Text,
    data: bytes,
    expected: Mapping[int, Any],
    edits: Mapping[int, tuple[list[Edit], Collection[Field]]],
    blocks: list[tuple[int, str]],
) -> str:
    """What two parsers say against the new bytes, "" where nothing."""
    try:
        after = parse(data, template=bool(text.masked), limits=_CHECKED)
    except YamlError as error:
        return f"the edited text would not parse: {error.reason}"
    return _difference(text, after, expected, blocks) or _second_opinion(text, after, edits, blocks)


def _difference(
    text: Text, after: Text, expected: Mapping[int, Any], blocks: list[tuple[int, str]]
) -> str:
    """What the new text says otherwise than is meant."""
    try:
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


_SLOW: Final = 1_000_000
"""Characters up to which the slow second parser is asked."""


def _second_opinion(
    text: Text,
    after: Text,
    edits: Mapping[int, tuple[list[Edit], Collection[Field]]],
    blocks: list[tuple[int, str]],
) -> str:
    """What a YAML 1.2 parser says against the edit, "" if nothing.

    It is asked for the edited documents alone, and where it sees them otherwise for all of the
    text, before the edit and after: what it misread before, it may misread.
    """
    if len(text.plain) > _SLOW:
        return ""
    is_beside = all(number in edits for number, _ in blocks)
    if is_beside and all(_is_agreed(text, n, after, edits[n], blocks) for n in edits):
        return ""
    return _change(text, after, edits, blocks)


def _change(
    text: Text,
    after: Text,
    edits: Mapping[int, tuple[list[Edit], Collection[Field]]],
    blocks: list[tuple[int, str]],
) -> str:
    """What changes for a YAML 1.2 parser otherwise than is meant, "" if nothing."""
    before = _loaded(text.plain)
    if before is None or len(before) != len(text.documents):
        return ""
    found = _loaded(after.plain)
    if found is None:
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
    if len(meant) != len(found):
        return "a YAML 1.2 parser would count other documents"
    pairs = zip(meant, found, strict=True)
    if all(one is ABSENT or is_same(one, other) for one, other in pairs):
        return ""
    return "a YAML 1.2 parser would read the edited text otherwise"


def _is_agreed(
    text: Text,
    number: int,
    after: Text,
    edits: tuple[list[Edit], Collection[Field]],
    blocks: list[tuple[int, str]],
) -> bool:
    """Whether a YAML 1.2 parser reads what our tree says is meant, in a document and those new."""
    new = [block for at, block in blocks if at == number]
    first = number + sum(at < number for at, _ in blocks)
    found = after.documents[first : first + len(new) + 1]
    try:
        meant = [_words_of_others(d) for block in new for d in parse(block.encode()).documents]
        body = _words_of_others(text.documents[number], text.plain)
        meant.append(applied(body, outcome(body, *edits)))
    except MigrateError:
        return False
    loaded = _loaded(after.plain[found[0].start : found[-1].end])
    return loaded is not None and is_same(meant, loaded)


def _words_of_others(document: Document, plain: str = "") -> Any:
    """The value of a document, its words and numbers read as YAML 1.2 does.

    Raises: YamlError where its syntax may mean something else there.
    """
    doubt = YamlError("YAML 1.2 may read this otherwise")
    if document.aliases or "%" in plain[document.start : max(document.marker, 0)]:
        raise doubt
    done: dict[int, Any] = {}
    for node in reversed(list(walk(document.root))):
        if node.tag is not None:
            raise doubt
        if node.kind == "scalar":
            done[id(node)] = node.raw if node.style else _word(node.raw)
        elif node.kind == "sequence":
            done[id(node)] = [done[id(item)] for item in node.entries]
        elif all(key.kind == "scalar" for key, _ in node.entries):
            value = {done[id(key)]: done[id(item)] for key, item in node.entries}
            if len(value) < len(node.entries):
                raise doubt
            done[id(node)] = value
        else:
            raise doubt
    return done[id(document.root)]


@lru_cache(maxsize=4096)
def _word(raw: str) -> Any:
    """The value of a plain scalar as a YAML 1.2 parser resolves it.

    Raises: YamlError where it does not, as for a merge key.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.nodes import ScalarNode

    tag = _loader().resolver.resolve(ScalarNode, raw, (True, False))
    if tag == STR:
        return raw
    try:
        return YAML(typ="safe", pure=True).constructor.construct_object(ScalarNode(tag, raw))
    except (YAMLError, ValueError, TypeError, KeyError):
        raise YamlError("YAML 1.2 may read this otherwise") from None


@lru_cache(maxsize=1)
def _loader() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True)


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
