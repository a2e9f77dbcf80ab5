"""Random objects in random styles, edited at random.

200 examples by default. For more: `YAMLTEXT_EXAMPLES=20000 pytest`, and this file's name.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from migrate.errors import EditRefused
from migrate.model import ABSENT, Edit, Field
from migrate.yamltext import Document, Text, byte_splices, edited, intended, parse
from migrate.yamltext.nodes import walk

KEYS = ["a", "limits", "nvidia.com/gpu", "on", "two words", "007", "k: v", "# no", "ü", "q'q"]
WORDS = ["x", "yes", "", "0644", "1e3", "a: b", "a #b", " pad ", "22:22", "~", "- a", "[", "it's"]
WORDS += ['say "hi"', "\\n", "\ttab", "2026-11-21", "ä\U0001f600", "x" * 90, "{{ x }}", "=", "a,b"]
TEXTS = ["one\ntwo", "one\ntwo\n", "one\n\n  two\n", "# one\ntwo\n\n", "a: b\n- c\n"]


def objects(rng: Random, depth: int = 0) -> Any:
    """A mapping or a list of a few levels; empty ones and nulls among their values."""
    size = rng.choice([0, 1, 1, 2, 3]) if depth else rng.randint(1, 4)
    kind = rng.random()
    if depth > 3 or (depth and kind < 0.4):
        return scalar(rng)
    if depth and kind < 0.65:
        return [objects(rng, depth + 1) for _ in range(size)]
    return {key: objects(rng, depth + 1) for key in rng.sample(KEYS, size)}


def scalar(rng: Random) -> Any:
    return rng.choice([None, True, False, rng.randint(-5, 4000), 0.5, *WORDS, *WORDS, *TEXTS])


def is_plain(text: str) -> bool:
    return text.isascii() and text.replace("/", "").replace(".", "").isalpha() and len(text) > 3


def token(rng: Random, value: Any) -> str:
    """A scalar on one line, in one of the ways to write it."""
    if value is None:
        return rng.choice(["null", "~"])
    if not isinstance(value, str):
        return str(value)
    if is_plain(value) and rng.random() < 0.6:
        return value
    if "\n" not in value and "\t" not in value and rng.random() < 0.5:
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=False)


def flow(rng: Random, value: Any) -> str:
    """A value in flow style on one line."""
    sep = rng.choice([",", ", ", " , "])
    pad = rng.choice(["", " "])
    if isinstance(value, dict) and value:
        inner = sep.join(f"{token(rng, key)}: {flow(rng, item)}" for key, item in value.items())
        return "{" + pad + inner + pad + rng.choice(["", ""]) + "}"
    if isinstance(value, list) and value:
        return "[" + pad + sep.join(flow(rng, item) for item in value) + pad + "]"
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    return token(rng, value)


def wide(rng: Random, value: Any, column: int) -> list[str]:
    """A flow collection over several lines, the first without indentation."""
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    lines = [opened + noise(rng)]
    pairs = list(value.items()) if isinstance(value, dict) else [(None, item) for item in value]
    for number, (key, item) in enumerate(pairs):
        comma = "," if number < len(pairs) - 1 or rng.random() < 0.3 else ""
        name = "" if key is None else f"{token(rng, key)}: "
        lines.append(f"{' ' * (column + 2)}{name}{flow(rng, item)}{comma}{noise(rng)}")
    return [*lines, " " * (column + 1) + closed]


def noise(rng: Random) -> str:
    return rng.choice([""] * 6 + [" # c", "  # it's {odd]", "\t# tab", "  "])


@dataclass
class Style:
    step: int
    dash: int
    gaps: list[str]


def block(rng: Random, value: Any, column: int, style: Style) -> list[str]:
    """A collection that is not empty in block style."""
    lines: list[str] = []
    pad = " " * column
    open_end = False
    for entry in value.items() if isinstance(value, dict) else [(None, item) for item in value]:
        key, item = entry
        if rng.random() < 0.15:
            choices = [pad + "# above", pad + "  # deep", "# at the margin", ""]
            lines.append(rng.choice(choices[:1] if open_end else choices))
        if key is None:
            head, gap = pad + "-", rng.choice(style.gaps)
        else:
            head, gap = pad + token(rng, key) + rng.choice([":", ":", ":", " :"]), " "
        lines += entry_lines(rng, head, gap, item, style)
        open_end = is_literal(item)
        if rng.random() < 0.06 and not open_end:
            lines.append(pad + "  # below")
    return lines


def is_literal(value: Any) -> bool:
    """Whether the last leaf may be a block scalar, which would take a comment for its own."""
    while isinstance(value, dict | list) and value:
        value = list(value.values())[-1] if isinstance(value, dict) else value[-1]
    return isinstance(value, str) and "\n" in value


def entry_lines(rng: Random, head: str, gap: str, item: Any, style: Style) -> list[str]:
    """The lines of an entry behind its key or dash."""
    is_item = head.endswith("-")
    column = len(head) - len(head.lstrip())
    inner = column + (1 + len(gap) if is_item else style.step)
    if isinstance(item, dict | list) and item:
        if rng.random() < 0.2:
            return [f"{head}{gap}{flow(rng, item)}{noise(rng)}"]
        if rng.random() < 0.1:
            first, *rest = wide(rng, item, column + 1)
            rest[-1] += noise(rng)
            return [f"{head}{gap}{first}", *rest]
        if isinstance(item, list) and not is_item:
            inner = column + style.dash
        lines = block(rng, item, inner, style)
        if is_item and lines[0].strip() and lines[0].lstrip()[0] != "#" and rng.random() < 0.9:
            return [head + gap + lines[0].lstrip(), *lines[1:]]
        return [head + after_dash(rng, head), *lines]
    if isinstance(item, str) and "\n" in item and rng.random() < 0.8:
        return literal(rng, head, gap, item, column + style.step)
    if item is None and rng.random() < 0.5:
        return [head + after_dash(rng, head)]
    if isinstance(item, str) and is_plain(item) and rng.random() < 0.1:
        return [head, " " * (column + 1 + style.step) + item + noise(rng)]
    value = flow(rng, item)
    return [f"{head}{gap}{value}{noise(rng)}"]


def after_dash(rng: Random, head: str) -> str:
    """A comment behind a colon or a dash; a tab after a dash would be indentation."""
    return noise(rng).replace("\t", " ") if head.endswith("-") else noise(rng)


def literal(rng: Random, head: str, gap: str, text: str, column: int) -> list[str]:
    body = text.rstrip("\n")
    breaks = len(text) - len(body)
    chomp = "-" if not breaks else rng.choice(["", "+"]) if breaks == 1 else "+"
    lines = [f"{' ' * column}{line}" if line else "" for line in body.split("\n")]
    blank = [""] * (breaks - 1) if chomp == "+" else [""] * rng.choice([0, 0, 1])
    return [f"{head}{gap}|{chomp}{rng.choice(['', ' # c'])}", *lines, *blank]


def texts(rng: Random) -> tuple[bytes, list[Any]]:
    """The bytes of one to three documents, and the documents."""
    bodies = [objects(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    lines: list[str] = []
    for number, body in enumerate(bodies):
        gaps = rng.choice([[" "], [" "], ["   ", " "]])
        style = Style(rng.choice([2, 2, 4]), rng.choice([0, 2]), gaps)
        if number or rng.random() < 0.4:
            if rng.random() < 0.2:
                lines.append("# before")
            lines.append("---" + rng.choice(["", "", " # c"]))
        if rng.random() < 0.2:
            lines += ["# heading", ""]
        lines += block(rng, body, 0, style) if rng.random() < 0.95 else [flow(rng, body)]
        if rng.random() < 0.1:
            lines.append("...")
    newline = rng.choice(["\n", "\n", "\n", "\r\n"])
    text = newline.join(lines)
    if rng.random() < 0.8 or any("|" in line for line in lines):
        text += newline
    encoding, bom = rng.choice([("utf-8", ""), ("utf-8", ""), ("utf-8", "\ufeff")])
    if rng.random() < 0.1:
        encoding, bom = "utf-16-le", "\ufeff"
    return (bom + text).encode(encoding), bodies


def edits(rng: Random, body: Any) -> Edit:
    """An edit that fits the object."""
    path, value = rng.choice(containers(body))
    action = rng.choice(["add", "set", "remove", "remove"])
    if not value or action == "add":
        new = objects(rng, rng.choice([1, 2, 3]))
        if isinstance(value, list):
            return Edit((*path, rng.randint(0, len(value))), ABSENT, new)
        tail: Field = rng.choice([("added",), ("added", "below"), ("yes", 0)])
        return Edit((*path, *tail), ABSENT, new)
    step = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    new = objects(rng, rng.choice([1, 3, 9])) if action == "set" else ABSENT
    return Edit((*path, step), value[step], new)


def touched(text: Text, number: int, edit: Edit) -> tuple[int, int]:
    """How many lines must stay as they are ahead of the edit, and from which line on after it.

    An entry that goes takes the lines from its key or dash to the end of its value. Where it stood
    behind a dash the entry after it moves up; in a flow collection the line before loses a comma.
    """
    document = text.documents[number]
    path = edit.field
    while document.node(path) is None:
        path = path[:-1]
    while edit.new is ABSENT and len(path) > 1 and is_alone(document, path):
        path = path[:-1]
    node = document.node(path)
    assert node is not None
    line, column = document.position(path)
    lines = text.source.split("\n")
    first, last = line - 1, text.source.count("\n", 0, node.end) + 1
    if edit.old is ABSENT and edit.field != path and not node.flow and node.entries:
        # A new entry stands after the last one.
        return (last if isinstance(edit.field[len(path)], str) else first), last
    parent = document.node(path[:-1]) if path else None
    is_list = parent is not None and parent.kind == "sequence"
    if is_list or (parent is not None and parent.flow):
        first = previous(lines, first)
    if lines[line - 1][: column - 1].strip() or is_list:
        last = following(lines, last) + 1
    return first, last


def is_void(line: str) -> bool:
    """Whether a line holds no more than blanks, dashes and a comment."""
    bare = line.strip().lstrip("- ")
    return not bare or bare[0] == "#"


def previous(lines: list[str], line: int) -> int:
    """The nearest line above that says something."""
    line -= 1
    while line > 0 and is_void(lines[line]):
        line -= 1
    return max(line, 0)


def following(lines: list[str], line: int) -> int:
    """The nearest line from this one on that says something."""
    while line < len(lines) and is_void(lines[line]):
        line += 1
    return line


def is_alone(document: Document, path: Field) -> bool:
    parent = document.node(path[:-1])
    return parent is not None and len(parent.entries) == 1


def check(rng: Random) -> None:
    data, bodies = texts(rng)
    text = parse(data)
    assert [document.value() for document in text.documents] == bodies
    number = rng.randrange(len(bodies))
    edit = edits(rng, bodies[number])
    meant = intended(bodies[number], [edit])
    result = edited(text, [(number, (), edit)])

    expected = [*bodies[:number], meant, *bodies[number + 1 :]]
    again = parse(result.data)
    assert [document.value() for document in again.documents] == expected
    assert result.data.startswith(text.bom)
    assert again.encoding == text.encoding

    before = text.source.replace("\r", "").split("\n")
    after = again.source.replace("\r", "").split("\n")
    first, last = touched(text, number, edit)
    assert after[:first] == before[:first]
    rest = before[following(before, last) :]
    assert not rest or after[-len(rest) :] == rest
    comments = {line.strip() for line in before if line.lstrip().startswith("#")} - {"# one"}
    assert {line for line in comments if line not in again.source} <= set(result.quoted)

    pieces, at = [], 0
    for start, end, written in byte_splices(text, result.splices):
        pieces += [data[at:start], written.encode(text.encoding)]
        at = end
    assert b"".join([*pieces, data[at:]]) == result.data


def check_several(rng: Random) -> None:
    data, bodies = texts(rng)
    text = parse(data)
    number = rng.randrange(len(bodies))
    several = [edits(rng, bodies[number]) for _ in range(rng.randint(2, 4))]
    if rng.random() < 0.5:
        several = [several[0], sibling(rng, several[0])]
    try:
        meant = intended(bodies[number], several)
    except EditRefused:
        return
    result = edited(text, [(number, (), edit) for edit in several])
    expected = [*bodies[:number], meant, *bodies[number + 1 :]]
    assert [document.value() for document in parse(result.data).documents] == expected


def sibling(rng: Random, edit: Edit) -> Edit:
    """Another entry beside the one that the edit means: what goes, and what comes for it."""
    if edit.new is ABSENT and isinstance(edit.field[-1], str):
        return Edit((*edit.field[:-1], "instead"), ABSENT, rng.choice([edit.old, objects(rng, 2)]))
    return Edit((*edit.field[:-1], "beside"), ABSENT, 1)


def comments(text: Text) -> Counter[str]:
    """The comments of a text, told from its scalars."""
    source = list(text.source)
    for document in text.documents:
        for node in walk(document.root):
            if node.kind == "scalar" and node.start < node.end:
                start = (
                    text.source.find("\n", node.start) if node.style in ("|", ">") else node.start
                )
                source[start : node.end] = "\n" * (node.end - start)
    return Counter(
        c.rstrip() for c in re.findall(r"(?:^|(?<=\s))#.*", "".join(source), re.MULTILINE)
    )


def move(rng: Random, body: Any) -> tuple[Field, list[Edit]] | None:
    """A mapping, and edits that put entries of it under a new key, or those of one in its place."""
    mappings = [(path, value) for path, value in containers(body) if isinstance(value, dict)]
    path, value = rng.choice([m for m in mappings if m[1]])
    keys = sorted(rng.sample(sorted(value), rng.randint(1, len(value))), key=list(value).index)
    deep = [key for key in value if isinstance(value[key], dict) and value[key]]
    if deep and rng.random() < 0.5:
        key = rng.choice(deep)
        rest = value.keys() - {key}
        inner = altered(rng, value[key])
        adds = [Edit((*path, k), ABSENT, v) for k, v in inner.items() if k not in rest]
        gone = Edit((*path, key), value[key], ABSENT)
        return None if any(add.field == gone.field for add in adds) else (path, [gone, *adds])
    new: Any = {key: altered(rng, value[key]) for key in keys}
    if rng.random() < 0.3:
        new = {"more": 1, "below": {**new, "last": [1]}}
    gone_too = [Edit((*path, key), value[key], ABSENT) for key in keys]
    return path, [*gone_too, Edit((*path, "exactly"), ABSENT, new)]


def altered(rng: Random, value: Any) -> Any:
    """The value, now and then with another scalar in the place of one in it."""
    if rng.random() < 0.6 or not isinstance(value, dict | list) or not value:
        return value
    step = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    inner = value[step]
    new = altered(rng, inner) if isinstance(inner, dict | list) and inner else scalar(rng)
    if isinstance(value, dict):
        return {**value, step: new}
    return [*value[:step], new, *value[step + 1 :]]


def containers(body: Any) -> list[tuple[Field, Any]]:
    """Every mapping and list of an object with its place."""
    places: list[tuple[Field, Any]] = []
    stack: list[tuple[Field, Any]] = [((), body)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict | list):
            places.append((path, value))
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            stack.extend(((*path, key), item) for key, item in pairs)
    return places


def check_move(rng: Random) -> None:
    data, bodies = texts(rng)
    text = parse(data)
    number = rng.randrange(len(bodies))
    chosen = isinstance(bodies[number], dict) and bodies[number] and move(rng, bodies[number])
    if not chosen:
        return
    path, several = chosen
    meant = intended(bodies[number], several)
    result = edited(text, [(number, (), edit) for edit in several])

    again = parse(result.data)
    expected = [*bodies[:number], meant, *bodies[number + 1 :]]
    assert [document.value() for document in again.documents] == expected
    assert comments(again) + Counter(result.quoted) == comments(text)

    before = text.source.replace("\r", "").split("\n")
    after = again.source.replace("\r", "").split("\n")
    node = text.documents[number].node(path)
    assert node is not None
    first, last = node.line - 1, text.source.count("\n", 0, node.end) + 1
    first = previous(before, first)
    rest = before[following(before, last) :]
    assert after[:first] == before[:first]
    assert not rest or after[-len(rest) :] == rest


def request(rng: Random) -> list[tuple[str, list[str], list[str]]]:
    """Entries of a request: the key, the lines that stay where they are, and the entry's own."""
    written = {
        "deviceClassName": ["deviceClassName: 'gpu.example.com'"],
        "selectors": ["selectors:", "- cel:", "    # why", "    x: |", "      a", "", "        b"],
        "tolerations": ["tolerations: [", '  {key: "k"}, # flow', "]"],
        "count": ["count:   2"],
        "folded": ["folded: >-", "    one", "    # no comment", "    two"],
        "spread": ['spread: "a', '  b"'],
    }  # fmt: skip
    entries = []
    for key in rng.sample(list(written), rng.randint(1, len(written))):
        above = [f"# {key} {n}" for n in range(rng.choice([0, 0, 1, 2]))]
        first, *rest = written[key]
        behind = "" if first[-1] in "'>|[" or "a" in first[-2:] else f"  # behind {key}"
        deep = [f"    # below {key}"] if rng.random() < 0.2 and key != "folded" else []
        gap = rng.choice([[], [], [""], ["", "# apart", ""]])
        entries.append((key, gap, [*above, first + behind, *rest, *deep]))
    return entries


def check_lines(rng: Random) -> None:
    """The text after a move is the one before, the lines of what moved two further in."""
    entries = request(rng)
    chosen = set(rng.sample([key for key, _, _ in entries], rng.randint(1, len(entries))))
    before, after = ["name: gpu"], ["name: gpu"]
    place, inner, was = -1, [], False
    for key, gap, own in entries:
        before += [*gap, *own]
        if key not in chosen:
            after += [*gap, *own]
        elif was:
            inner += [*gap, *own]
        else:
            after += gap
            place = len(after) if place < 0 else place
            inner += own
        was = key in chosen
    after[place:place] = ["exactly:", *(f"  {line}" if line else "" for line in inner)]
    newline = rng.choice(["\n", "\r\n"])
    source, target = (newline.join([*lines, ""]) for lines in (before, after))
    body = parse(source.encode()).documents[0].value()
    gone = [Edit((key,), body[key], ABSENT) for key, _, _ in entries if key in chosen]
    new = Edit(("exactly",), ABSENT, {edit.field[0]: edit.old for edit in gone})
    result = edited(parse(source.encode()), [(0, (), edit) for edit in (*gone, new)])
    assert result.data.decode() == target
    assert result.quoted == ()


SETTINGS = settings(
    max_examples=int(os.environ.get("YAMLTEXT_EXAMPLES", "200")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@SETTINGS
@given(st.integers(0, 2**48))
@example(49)
@example(79)
@example(272)
@example(933)
@example(22058)
def test_an_edit_changes_what_is_meant_and_no_line_besides(seed: int) -> None:
    check(Random(seed))


@SETTINGS
@given(st.integers(0, 2**48))
@example(473)
@example(591)
@example(3129)
@example(8210)
@example(29620301)
def test_several_edits_at_once_mean_what_each_means(seed: int) -> None:
    check_several(Random(seed))


@SETTINGS
@given(st.integers(0, 2**48))
def test_a_move_loses_no_comment_and_changes_no_line_besides(seed: int) -> None:
    check_move(Random(seed))


@SETTINGS
@given(st.integers(0, 2**48))
def test_what_moves_takes_its_lines_along(seed: int) -> None:
    check_lines(Random(seed))
