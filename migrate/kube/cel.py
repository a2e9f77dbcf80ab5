"""The syntax of CEL as the API server's compiler has it: what it would not parse, and why.

Source: cel-go parser/gen/CEL.g4, parser/parser.go, parser/macro.go, parser/unescape.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from migrate.kube.celtokens import UNIT, Token, tokens, unheld

DEPTH: Final = 250
"""Expressions inside one another that the parser takes."""

_BINARY: Final = frozenset({"&&", "||", "<", "<=", ">=", ">", "==", "!=", "*", "/", "%", "+", "-"})
_CLOSE: Final = {"(": ")", "[": "]", "{": "}"}
_LITERALS: Final = frozenset({"true", "false", "null"})
_KEYWORDS: Final = _LITERALS | {"in"}
_RESERVED: Final = frozenset(
    {
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let"),
        *("loop", "package", "namespace", "return", "var", "void", "while"),
    }
)
_TRANSFORMS: Final = ("transformList", "transformMap", "transformMapEntry")
_QUANTIFIERS: Final = ("all", "exists", "exists_one", "existsOne")
_ONE_VARIABLE: Final = frozenset(
    {
        *((name, 2) for name in (*_QUANTIFIERS, "map", "filter", "optMap", "optFlatMap", "sortBy")),
        ("map", 3),
    }
)
_TWO_VARIABLES: Final = frozenset(
    {
        *((name, 3) for name in (*_QUANTIFIERS, *_TRANSFORMS)),
        *((name, 4) for name in _TRANSFORMS),
    }
)
_ACCUMULATOR: Final = "__result__"
_NOTHING: Final = Token("", "", 0)
_WORDS: Final = {"and": "&&", "or": "||", "not": "!", "&": "&&", "|": "||", "=": "=="}

FIELDS: Final = ("driver", "attributes", "capacity", "allowMultipleAllocations")
"""What a device of a selector has."""
_KNOWN: Final = frozenset(
    {
        *("device", "bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string"),
        *("type", "uint", "optional_type", "net", "kubernetes", "cel"),
        *("optional", "sets", "format", "ip", "cidr", "math", "base64"),
    }
)


class _Refused(Exception):
    """What cannot be parsed: the piece of text, and what is wrong with it."""

    def __init__(self, said: str, why: str) -> None:
        super().__init__(why)
        self.said, self.why = said, why


@dataclass(slots=True)
class _Open:
    """A bracket that is open, and what is known of the expression being read in it.

    Shape: `shape` is `name` or `field` for a name or a field and nothing else, by which the macros
    know their arguments; `said` is that name.
    """

    mark: str = ""
    is_index: bool = False
    is_call: bool = False
    is_message: bool = False
    macro: Token = _NOTHING
    on: str = ""
    arguments: list[tuple[str, str]] = field(default_factory=list)
    shape: str = ""
    said: str = ""
    is_composed: bool = False
    is_choosing: bool = False
    is_value: bool = False
    elses: int = 0

    @property
    def holds_entries(self) -> bool:
        """Whether it is a map or a message, with a colon in every entry."""
        return self.mark == "{"

    @property
    def holds_items(self) -> bool:
        """Whether what it holds may be parted by commas."""
        return self.mark == "{" or self.is_call or (self.mark == "[" and not self.is_index)

    def operand(self, shape: str, said: str = "") -> None:
        """One operand was read."""
        self.shape, self.said = shape, said

    def end(self) -> None:
        """The expression in it is over."""
        self.arguments.append(("" if self.is_composed else self.shape, self.said))
        self.shape = self.said = ""
        self.is_composed = self.is_choosing = False
        self.elses = 0


def refused(text: str) -> tuple[str, str] | None:
    """The piece of an expression at which it cannot be parsed, and why; None where it can be."""
    try:
        _Reader(text).read()
    except _Refused as error:
        return error.said, error.why
    return None


def unknown(text: str) -> Iterator[tuple[str, str]]:
    """Names in an expression that parses which nothing in a selector has, and what there is."""
    reader = _Reader(text)
    reader.read()
    for name, member in dict.fromkeys(reader.roots):
        if name in reader.bound or member == "protobuf":
            continue
        if name not in _KNOWN:
            yield name, f"nothing is called {name} in a selector: a device is `device`"
        elif name == "device" and member and member not in FIELDS:
            why = (
                f'a device has no {member} of its own: write device.attributes["<driver>"]'
                f'.{member} or device.capacity["<driver>"].{member}, under the name that the '
                "ResourceSlices publish"
            )
            yield f"device.{member}", why


class _Reader:
    """One expression, read from left to right with its open brackets on a stack."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = (*tokens(text), Token("end", "", len(text)))
        self.at = 0
        self.opened = [_Open()]
        self.depth = 1
        self.roots: list[tuple[str, str]] = []
        self.bound: set[str] = set()

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def within(self) -> _Open:
        return self.opened[-1]

    def after(self, steps: int = 1) -> Token:
        """A token further on; the end where there is none."""
        return self.tokens[min(self.at + steps, len(self.tokens) - 1)]

    def read(self) -> None:
        """Nothing; raises where the expression cannot be parsed."""
        is_operand = True
        while True:
            if is_operand:
                is_operand = self.operand()
            elif self.token.kind == "end":
                break
            else:
                is_operand = self.operator()
        if len(self.opened) > 1:
            self.refuse(f"{self.within.mark} is not closed: write {_CLOSE[self.within.mark]}")
        if self.within.is_choosing:
            self.refuse("after ? and its value, : and another value must follow")

    # Each of these reads some tokens and returns whether an operand must follow.

    def operand(self) -> bool:
        """An operand, an opening bracket, or the end of what may be empty."""
        within = self.within
        is_first = not within.shape and not within.is_composed and not within.is_choosing
        if is_first and within.holds_items and not within.is_value and self.is_over():
            return False
        if is_first and self.token.text == "?" and self.may_be_optional():
            self.at += 1
        if within.is_message and not within.is_value:
            return self.entry_name()
        sign = self.unary()
        token = self.token
        if token.text in ("(", "[", "{"):
            self.at += 1
            self.open(_Open(mark=token.text))
            return True
        if token.kind in ("int", "uint", "float", "string"):
            if why := unheld(token, sign):
                self.refuse(why)
        elif token.kind == "name" or (token.text == "." and self.after().kind == "name"):
            return self.name()
        else:
            self.missing()
        within.operand("value")
        self.at += 1
        return False

    def operator(self) -> bool:
        """What may stand behind an operand."""
        token, within = self.token, self.within
        if token.text == ".":
            return self.member()
        self.at += 1
        if token.text == "[":
            self.at += self.token.text == "?"
            self.open(_Open(mark="[", is_index=True))
        elif token.text in _BINARY or token.text == "in":
            within.is_composed = True
        elif token.text == "?" and not within.is_choosing:
            within.is_composed = within.is_choosing = True
        elif token.text == ":" and within.is_choosing:
            within.is_choosing = False
            within.elses += 1
            self.deeper(1)
        elif token.text == ":" and within.holds_entries and not within.is_value:
            self.end()
            within.is_value = True
        elif token.text == "," and self.may_end() and within.holds_items:
            self.end()
            within.is_value = False
        elif token.text == _CLOSE.get(within.mark) and self.may_end():
            self.end()
            self.close()
            return False
        else:
            self.at -= 1
            self.unexpected()
        return True

    def is_over(self) -> bool:
        """Whether the bracket closes here without another item; if so, it is closed."""
        within = self.within
        close = _CLOSE[within.mark]
        if within.is_call and (within.arguments or self.token.text != close):
            return False
        is_bare = self.token.text == "," and not within.arguments and not within.is_call
        if is_bare and self.after().text == close:
            self.at += 1
        if self.token.text != close:
            return False
        self.at += 1
        self.close()
        return True

    def may_be_optional(self) -> bool:
        within = self.within
        return (within.mark == "{" and not within.is_value) or (
            within.mark == "[" and not within.is_index
        )

    def may_end(self) -> bool:
        within = self.within
        return not within.is_choosing and (not within.holds_entries or within.is_value)

    def entry_name(self) -> bool:
        """The name of a message's field, with its colon."""
        token = self.token
        is_name = token.kind in ("name", "quoted") and token.text not in _KEYWORDS
        if not is_name or self.after().text != ":":
            self.missing()
        self.at += 2
        self.within.is_value = True
        return True

    def unary(self) -> bool:
        """The signs in front of an operand; whether one minus belongs to the number behind it."""
        mark, begin = self.token.text, self.at
        if mark not in ("!", "-"):
            return False
        while self.token.text == mark:
            self.at += 1
        count = self.at - begin
        is_number = self.token.kind in ("int", "float")
        if mark == "!" and self.token.text == "-" and self.after().kind in ("int", "float"):
            self.at += 1
            self.within.is_composed |= count % 2 == 1
            return True
        if mark == "-" and count == 1 and is_number:
            return True
        self.within.is_composed |= count % 2 == 1
        if self.token.text in ("!", "-"):
            self.missing()
        return False

    def name(self) -> bool:
        """A name: a literal, a variable, a call, or the type of a message."""
        self.at += self.token.text == "."
        token = self.token
        if token.text in _KEYWORDS:
            if token.text == "in" or self.tokens[self.at - 1].text == ".":
                self.missing()
            self.within.operand("value")
            self.at += 1
            return False
        steps = 1
        while self.after(steps).text == "." and self.after(steps + 1).kind == "name":
            steps += 2
        if self.after(steps).text == "{" and not self.keyword_within(steps):
            self.at += steps + 1
            self.open(_Open(mark="{", is_message=True))
            return True
        if token.text in _RESERVED:
            self.refuse(f"{token.text} is a word of its own in CEL and no name")
        self.at += 1
        if self.token.text == "(":
            self.at += 1
            self.open(_Open(mark="(", is_call=True, macro=token))
            return True
        is_called = self.after(2).text == "("
        is_member = self.token.text == "." and self.after().kind == "name" and not is_called
        self.roots.append((token.text, self.after().text if is_member else ""))
        self.within.operand("name", token.text)
        return False

    def keyword_within(self, steps: int) -> bool:
        return any(self.after(step).text in _KEYWORDS for step in range(0, steps, 2))

    def member(self) -> bool:
        """A field of an operand, or a call on it."""
        within = self.within
        self.at += 1
        is_optional = self.token.text == "?"
        self.at += is_optional
        name = self.token
        if name.kind not in ("name", "quoted") or name.text in _KEYWORDS:
            self.refuse("after a dot the name of a field or function must follow", name)
        self.at += 1
        if self.token.text == "(" and not is_optional and name.kind == "name":
            on = within.said if within.shape == "name" else "."
            self.at += 1
            self.open(_Open(mark="(", is_call=True, macro=name, on=on))
            return True
        within.operand("value" if is_optional else "field")
        return False

    def open(self, opened: _Open) -> None:
        self.deeper(1)
        self.opened.append(opened)

    def deeper(self, steps: int) -> None:
        self.depth += steps
        if self.depth > DEPTH:
            self.refuse(f"more than {DEPTH} expressions stand inside one another")

    def end(self) -> None:
        self.depth -= self.within.elses
        self.within.end()

    def close(self) -> None:
        """A bracket closes, and is an operand of what is around it."""
        closed = self.opened.pop()
        self.depth -= 1
        around = self.within
        if closed.is_call:
            is_field = self.is_macro(closed)
            around.operand("field" if is_field else "value")
        elif closed.mark == "(":
            shape, said = closed.arguments[0]
            around.operand(shape or "value", said)
        else:
            around.operand("value")

    def is_macro(self, call: _Open) -> bool:
        """Whether a call tests for a field; arguments that its macro does not take are refused."""
        key = (call.macro.text, len(call.arguments))
        if not call.on:
            if key == ("has", 1) and call.arguments[0][0] != "field":
                why = "has() takes a field, as in has(device.attributes[…].name)"
                self.refuse(why, call.macro)
            return key == ("has", 1)
        is_bind = key == ("bind", 3) and call.on == "cel"
        names = 2 if key in _TWO_VARIABLES else 1 if key in _ONE_VARIABLE or is_bind else 0
        told = [said for shape, said in call.arguments[:names] if shape == "name"]
        if len(set(told)) < names or _ACCUMULATOR in told:
            name = call.macro.text
            self.refuse(f"{name}() takes a name of its own first, as in {name}(x, …)", call.macro)
        self.bound.update(told)
        return False

    def missing(self) -> NoReturn:
        """An operand was to be here."""
        before = self.tokens[self.at - 1] if self.at else None
        if self.token.kind == "end":
            if before is None:
                self.refuse("the expression is empty")
            self.refuse(
                f"the expression ends with {before.text}: write what is to follow, or leave it out",
                before,
            )
        self.unexpected()

    def unexpected(self) -> NoReturn:
        """A piece of text that has no place here."""
        token, before = self.token, self.tokens[self.at - 1] if self.at else None
        is_joined = before is not None and before.end == token.start
        if token.kind == "bad" and token.text in "\"'":
            self.refuse(f"the string that begins here has no end: {self.text[token.start :]:.40}")
        if is_joined and before is not None and before.kind in ("int", "float"):
            said = before.text + token.text
            if UNIT.fullmatch(token.text):
                self.refuse(
                    f'{said} is no number of CEL: write …compareTo(quantity("{said}")), as in '
                    'device.capacity["<driver>"].<name>.compareTo(quantity("…")) >= 0',
                    Token("name", said, before.start),
                )
        if token.text in _WORDS:
            self.refuse(f"CEL has no {token.text}: write {_WORDS[token.text]}")
        if token.text in (")", "]", "}"):
            self.refuse(f"{token.text} closes nothing that is open")
        if token.kind == "end":
            self.refuse("the expression is not complete")
        self.refuse(f"{token.text} has no place here")

    def refuse(self, why: str, token: Token | None = None) -> NoReturn:
        piece = token or self.token
        begin = max(0, piece.start - 30)
        said = piece.text or self.text[begin : piece.start]
        raise _Refused(said[:80], why)
