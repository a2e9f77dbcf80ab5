"""The tree of JSON that the YAML parser does not take: tabs, surrogates, several values."""

from __future__ import annotations

import json
import re
from typing import Final

from migrate.errors import YamlError
from migrate.yamltext.nodes import CollectionNode, Limits, MappingNode, Mark, Node, SequenceNode

_JSON_TOKEN: Final = re.compile(
    r'[ \t\r\n]*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")'
    r"|(?P<word>true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<mark>[][{},:]))"
)


_JSON_BLANK: Final = re.compile(r"[ \t\r\n]*")


def count_json(source: str) -> int | None:
    """How many JSON values the text holds one after the other, or None where it is not JSON."""
    decoder = json.JSONDecoder()
    at, count = _JSON_BLANK.match(source).end(), 0  # type: ignore[union-attr]
    while at < len(source):
        try:
            _, at = decoder.raw_decode(source, at)
        except (ValueError, RecursionError):
            return None
        at = _JSON_BLANK.match(source, at).end()  # type: ignore[union-attr]
        count += 1
    return count


def json_roots(source: str, limits: Limits) -> list[Node]:
    """The roots of a text that is known to be JSON.

    Raises: YamlError where it goes past a limit.
    """
    roots: list[Node] = []
    stack: list[tuple[CollectionNode, list[Node]]] = []
    flat: list[Node] = []
    node: CollectionNode
    at = line = line_start = total = 0
    while token := _JSON_TOKEN.match(source, at):
        text = token[token.lastgroup or 0]
        start = token.end() - len(text)
        if breaks := source.count("\n", at, start):
            line, line_start = line + breaks, source.rfind("\n", 0, start) + 1
        at = token.end()
        mark = Mark(start, line, start - line_start)
        total += 1
        if total > 3 * limits.nodes or len(stack) > limits.depth:
            raise YamlError("the text has too many values or levels", line=line + 1, column=1)
        if text in ("{", "["):
            node = (MappingNode if text == "{" else SequenceNode)(mark, at, "", "")
            node.flow = True
            flat.append(node)
            stack.append((node, flat))
            flat = []
        elif text in ("}", "]"):
            node, above = stack.pop()
            node.close(flat, source, at)
            flat = above
        elif text not in (",", ":"):
            style = '"' if text[0] == '"' else ""
            flat.append(Node(mark, at, style, json.loads(text) if style else text))
        if not stack and flat:
            roots += flat
            flat = []
    return roots
