"""CEL text of rules: its tokens, and the filling of its `{holes}` with values of anybody's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from migrate.errors import InputError

Kind = Literal["string", "hole", "open", "close", "bad", "other"]

HOLE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

_TOKEN: Final = re.compile(
    r"""(?P<bad>\b[rRbB]{1,2}["']|\"{3}|'{3})
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<hole>\{[A-Za-z_][A-Za-z0-9_]*\})
      | (?P<open>[(\[{])
      | (?P<close>[)\]}])
      | (?P<unbalanced>["'`]|//)
      | (?P<other>[^"'`()\[\]{}/rRbB]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NAMED_ESCAPES: Final = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of CEL text; the texts of all tokens put together are the whole."""

    kind: Kind
    text: str
    start: int


def tokens(text: str) -> Iterator[Token]:
    """The tokens of CEL text; raw and triple-quoted strings, comments and odd quotes are `bad`."""
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "other"
        yield Token("bad" if kind == "unbalanced" else kind, found[0], found.start())  # type: ignore[arg-type]


def expression(
    template: str,
    groups: Mapping[str, str],
    replacements: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """The CEL text with every `{group}` filled in, so that no value can leave its place.

    Shape: inside double quotes a value becomes the content of a CEL string; outside quotes it has
    to be an integer. `replacements` are made in a value first, in the order given.
    Raises: `InputError` where a value cannot stand in its place.
    """
    return "".join(_filled(token, groups, replacements or {}) for token in tokens(template))


def _filled(
    token: Token, groups: Mapping[str, str], replacements: Mapping[str, Mapping[str, str]]
) -> str:
    if token.kind == "hole":
        return _integer(_value(token.text[1:-1], groups, replacements))
    if token.kind == "string" and HOLE.search(token.text):
        if token.text[0] != '"':
            raise InputError(f"the rule's expression has a value in single quotes: {token.text}")
        return HOLE.sub(lambda hole: _quoted(_value(hole[1], groups, replacements)), token.text)
    return token.text


def _value(
    name: str, groups: Mapping[str, str], replacements: Mapping[str, Mapping[str, str]]
) -> str:
    if name not in groups:
        raise InputError(f"the rule's expression asks for {{{name}}}, which its pattern has not")
    value = groups[name]
    for old, new in replacements.get(name, {}).items():
        value = value.replace(old, new)
    return value


def _integer(value: str) -> str:
    if not _INTEGER.fullmatch(value) or not -(2**63) <= int(value) < 2**63:
        raise InputError(f"{_shown(value)} is not an integer that CEL can hold")
    return str(int(value))


def _quoted(value: str) -> str:
    return "".join(_escaped(character) for character in value)


def _escaped(character: str) -> str:
    code = ord(character)
    if named := _NAMED_ESCAPES.get(character):
        return named
    if 0xD800 <= code <= 0xDFFF:
        raise InputError("a value with half a surrogate pair cannot be written in CEL")
    is_plain = character.isprintable() or code > 0xFFFF
    return character if is_plain else f"\\u{code:04x}"


def _shown(value: str) -> str:
    return ascii(value if len(value) <= 80 else value[:77] + "...")
