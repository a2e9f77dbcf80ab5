"""The tokens of CEL, and the literals among them that stand for no value.

Source: cel-go parser/gen/CEL.g4, parser/unescape.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ESCAPE: Final = r"\\[abfnrtv\"'\\?`]|\\[0-3][0-7]{2}|\\[xX][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}"
_ESCAPES: Final = rf"{_ESCAPE}|\\U[0-9a-fA-F]{{8}}"
_TOKEN: Final = re.compile(
    rf"""(?P<blank>[\t\ \r\n\f]+|//[^\n]*)
      | (?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+
        |\.[0-9]+(?:[eE][+-]?[0-9]+)?)
      | (?P<uint>(?:0x[0-9a-fA-F]+|[0-9]+)[uU])
      | (?P<int>0x[0-9a-fA-F]+|[0-9]+)
      | (?P<string>[bB]?(?:
            [rR](?:\"{{3}}.*?\"{{3}}|'{{3}}.*?'{{3}}|"[^"\n\r]*"|'[^'\n\r]*')
            |\"{{3}}(?:{_ESCAPES}|[^\\])*?\"{{3}}|'{{3}}(?:{_ESCAPES}|[^\\])*?'{{3}}
            |"(?:{_ESCAPES}|[^\\"\n\r])*"|'(?:{_ESCAPES}|[^\\'\n\r])*'))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<quoted>`[A-Za-z0-9_.\-/\ ]+`)
      | (?P<mark>==|!=|<=|>=|&&|\|\||[<>\[\]{{}}().,!?:+*/%-])
      | (?P<bad>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CODE: Final = re.compile(r"\\(?:([0-3][0-7]{2})|[xXuU]([0-9a-fA-F]+)|.)", re.DOTALL)
UNIT: Final = re.compile(r"[kKMGTPE]i?", re.ASCII)
"""What quantities have behind their number, and CEL has not."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression that means something."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the piece is over."""
        return self.start + len(self.text)


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of an expression; what can be none is of kind `bad`."""
    found = _TOKEN.finditer(text)
    return tuple(
        Token(match.lastgroup or "bad", match[0], match.start())
        for match in found
        if match.lastgroup != "blank"
    )


def unheld(token: Token, signed: bool) -> str:
    """Why a number or a string stands for no value, "" where it does; `signed`: behind a minus."""
    return _unheld_string(token.text) if token.kind == "string" else _unheld_number(token, signed)


def _unheld_number(token: Token, signed: bool) -> str:
    if token.kind == "float":
        return "the number is too large" if float(token.text) == float("inf") else ""
    digits = token.text.rstrip("uU")
    base = 16 if digits.startswith("0x") else 10
    # More digits than any limit has, unless they are zeros in front.
    bare = digits.removeprefix("0x").lstrip("0")
    limit = 2**64 if token.kind == "uint" else 2**63 + signed
    is_large = len(bare) > 20 or int(bare or "0", base) >= limit
    return "the number is too large" if is_large else ""


def _unheld_string(text: str) -> str:
    is_bytes = text[0] in "bB"
    if text[is_bytes] in "rR":
        return ""
    for found in _CODE.finditer(text):
        code = int(found[1], 8) if found[1] else int(found[2], 16) if found[2] else 0
        is_wide = found[0][1] in "uU"
        if (is_wide and is_bytes) or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            return f"{found[0]} stands for no character"
    return ""
