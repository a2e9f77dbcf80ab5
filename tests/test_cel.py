"""The syntax of CEL, held against the compiler of the real API server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from migrate.kube import cel, selectors
from migrate.read import ruleset
from tests.oracle.ask import NoAnswer, Oracle

FIXTURES = Path(__file__).parent.parent / "fixtures"
CHECKED = re.compile(
    r"undeclared reference|found no matching overload|undefined field|does not support"
    r"|must evaluate to bool|too complex|program instantiation failed|expected type|unexpected type"
    r"|incompatible type|not assignable|type '.*' |no matching overload|invalid type|is not a type"
    r"|invalid regex|error parsing regexp|ambiguous|matches multiple|invalid type conversion"
)
"""What the compiler says of an expression that it has parsed."""
WHERE = re.compile(r"ERROR: <input>:-?[0-9]+:[0-9]+: (.*)")


def parses(oracle: Oracle, text: str) -> bool:
    """Whether the real compiler gets past the syntax of an expression."""
    try:
        answer = oracle.ask("compile", expression=text)
    except NoAnswer as error:
        # It folds constants after parsing, and falls over bytes that are the key of a map.
        if "unhashable type" not in str(error):
            raise
        return True
    if answer["compiles"]:
        return True
    said = WHERE.findall(answer["error"]) or [answer["error"]]
    kinds = {bool(CHECKED.search(each)) for each in said}
    assert len(kinds) == 1 or not kinds, said
    return kinds == {True}


def agrees(oracle: Oracle, text: str) -> None:
    """Nothing; the compiler and we say the same of the syntax."""
    assert (cel.refused(text) is None) == parses(oracle, text), (text, cel.refused(text))


# --- Expressions that are right -----------------------------------------------------------------

NAMES = st.sampled_from(
    ["device", "x", "driver", "attributes", "model", "e", "r", "b", "has", "_1"]
)
TEXTS = st.sampled_from(
    [
        '"a"',
        "'a'",
        'r"\\d"',
        '"""a\nb"""',
        "'''a'b'''",
        r'"\n\u00e9\x41\101"',
        'b"\\xff"',
        '""',
        "R''",
    ]
)
NUMBERS = st.sampled_from(
    ["0", "1", "007", "0x1F", "1u", "0xFU", "1.5", "1e9", ".5", "1.5E-3", "9223372036854775807"]
)
LITERALS = st.one_of(TEXTS, NUMBERS, st.sampled_from(["true", "false", "null"]))
BLANKS = st.sampled_from(["", " ", "\n", " // a comment\n"])
BINARY = st.sampled_from(["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions around others, as the grammar has them."""
    operand = st.one_of(
        inner.map("({})".format),
        st.builds("({}).{}".format, inner, NAMES),
        st.builds("({}).?{}".format, inner, NAMES),
        st.builds("({}).{}({}, {})".format, inner, NAMES, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({})[?{}]".format, inner, inner),
        st.builds("[{}, {},]".format, inner, inner),
        st.builds("[?{}]".format, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("{{?{}: {},}}".format, inner, inner),
        st.builds("{}.{}{{{}: {}}}".format, NAMES, NAMES, NAMES, inner),
        st.builds("f({})".format, inner),
        st.builds("has(({}).{})".format, inner, NAMES),
        st.builds("[{}].all(x, {})".format, inner, inner),
        st.builds("[{}].transformList(x, y, {})".format, inner, inner),
        st.builds("cel.bind(x, {}, {})".format, inner, inner),
    )
    return st.one_of(
        operand,
        st.builds("!({})".format, inner),
        st.builds("--({})".format, inner),
        st.builds("({}){}{}{}({})".format, inner, BLANKS, BINARY, BLANKS, inner),
        st.builds("{} in [{}]".format, operand, inner),
        st.builds("({})?({}):({})".format, inner, inner, inner),
    )


WHOLE = st.recursive(st.one_of(LITERALS, NAMES), larger, max_leaves=6)


@settings(max_examples=1500)
@given(WHOLE)
@example(text='{b"\\xff": "a"}.has')
def test_what_the_grammar_makes_is_taken(oracle: Oracle, text: str) -> None:
    assert cel.refused(text) is None
    assert parses(oracle, text)


# --- And those that are not ---------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "?",
            ".",
            "!",
            "-",
            "+",
            "&&",
            "||",
            "==",
            "=",
            "&",
        ),
        *("in", "and", "true", "null", "for", "x", "has(", "device", ".driver", "24Gi", "1", "1.5"),
        *('"a"', "'", '"', '"""', "\\", "`a`", "//", "\n", " ", "0x", "1u", "é", "all(x,", "\x00"),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """An expression with pieces taken out, doubled or put in."""
    text = draw(WHOLE)
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 4)))
        text = text[:begin] + draw(st.one_of(st.just(""), PIECES)) + text[end:]
    return text


@settings(max_examples=3000)
@given(st.one_of(mutated(), st.lists(PIECES, max_size=9).map(" ".join)))
@example("[1].all(1, true)")
@example("[1].all(x, x, true)")
@example("cel.bind(a.b, 1, true)")
@example("has(x)")
@example("has(a.?b)")
@example("-" * 2 + "9223372036854775808")
@example("-9223372036854775808")
@example("18446744073709551616u")
@example("1e999")
@example(r'"\ud800"')
@example(r'b"\u0041"')
@example("a ? b ? c : d : e")
@example("(" * 249 + "x" + ")" * 249)
@example("(" * 250 + "x" + ")" * 250)
def test_what_is_bent_is_refused_where_kubernetes_refuses_it(oracle: Oracle, text: str) -> None:
    agrees(oracle, text)


@settings(max_examples=1500)
@given(st.one_of(WHOLE, mutated()))
@example("[1].all(x, x > 0) && device.allowMultipleAllocations")
@example("optional.none().hasValue() && sets.contains([1], [1])")
@example("type(1) == int && !format.dns1123Label().validate('a').hasValue()")
@example("ip.isCanonical('::1') && cel.bind(x, 1, x == 1)")
@example("type(duration('1s')) == google.protobuf.Duration && true")
@example(".device.driver == 'a'")
@example("00000000000000000000000000000007 == 7 && 0x00000000000000000000001 == 1")
def test_a_name_that_is_told_is_one_that_kubernetes_does_not_know(
    oracle: Oracle, text: str
) -> None:
    if cel.refused(text) is None and list(cel.unknown(text)):
        assert not oracle.ask("compile", expression=text)["compiles"], list(cel.unknown(text))


# --- Expressions of others ----------------------------------------------------------------------


def strings(value: Any) -> list[str]:
    """Every expression in a value: of selectors, and of the rules."""
    found: list[str] = []
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            found += [
                v for k, v in part.items() if k in ("expression", "cel") and isinstance(v, str)
            ]
            left += part.values()
        elif isinstance(part, list):
            left += part
    return found


def written(folder: Path) -> list[str]:
    """The expressions that stand in the files of a folder and speak of a device."""
    found: set[str] = set()
    for path in sorted(folder.rglob("*.y*ml")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if "device." not in text:
            continue
        try:
            found.update(strings(list(yaml.load_all(text, yaml.CSafeLoader))))
        except (yaml.YAMLError, ValueError):
            continue
    return sorted(each for each in found if "device." in each and "{{" not in each)


def ruled() -> list[str]:
    """The expressions of the rules, their holes filled."""
    found = {
        s
        for rule in ruleset.rules()
        if rule.container
        for c in rule.container.classes
        for s in c.selectors
    }
    for rule in ruleset.rules():
        for label in rule.placement.labels if rule.placement else ():
            found.update((label.guard, label.number, *(value.cel for value in label.values)))
    return sorted(re.sub(r"\{\w+\}", "7", each) for each in found if each)


M = 'device.attributes["d.example.com"]'
OPTIONAL = 'device.attributes[?"d.example.com"]'


@pytest.mark.parametrize("call", ['matches("^X")', 'contains("X")', 'startsWith("X")'])
@pytest.mark.parametrize(
    "asked",
    [
        f"{M}.m",
        f'{M}.?m.orValue("")',
        f'({M}.?m.orValue(""))',
        f'{M}.?m.or(optional.of("")).value()',
        f'{M}[?"m"].or(optional.of("")).orValue("")',
        f'{OPTIONAL}.m.orValue("")',
        f'{OPTIONAL}["m"].orValue("")',
        f'{OPTIONAL}.?m.orValue("")',
        f'{OPTIONAL}[?"m"].value()',
    ],
)
def test_what_costs_too_much_is_told(oracle: Oracle, asked: str, call: str) -> None:
    """Where the compiler refuses a call on an optional string, and nowhere else."""
    text = f"{asked}.{call}"
    is_told = selectors.UNBOUND in {name for name, _, _ in selectors.mistakes(text)}
    answer = oracle.ask("compile", expression=text, minor="1.34")
    assert is_told == (not answer["compiles"] and "too complex" in answer["error"]), answer


def test_the_expressions_of_rules_and_fixtures(oracle: Oracle) -> None:
    texts = [*ruled(), *written(FIXTURES)]
    assert len(texts) >= 100
    for text in texts:
        agrees(oracle, text)
