"""The text of entries that move, carried to where they go."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Final

from migrate.errors import EditRefused
from migrate.model import Field
from migrate.yamltext.blocks import container
from migrate.yamltext.meaning import Ops, lookup
from migrate.yamltext.moves import Part, changed_values, pairs
from migrate.yamltext.nodes import Node, is_within, line_end, line_start, walk
from migrate.yamltext.site import Entries, Site
from migrate.yamltext.values import key_text, resolve
from migrate.yamltext.writing import Carried


@dataclass(frozen=True, slots=True)
class _Move:
    """An entry that goes from one place to another: the `number`-th of `node`.

    Shape: it stands from `begin` to `end`, on lines of its own where `column` is not -1; `text`
    is what it comes as, without what is `quoted`; `tail` is a comment elsewhere that comes along.
    """

    one: Part
    other: Part
    node: Node
    number: int
    begin: int
    end: int
    column: int
    text: str
    quoted: list[str]
    tail: tuple[int, int] = (0, 0)


def carried(site: Site, body: Any, ops: dict[Field, Ops]) -> dict[Field, Ops]:
    """The operations, with what they add carried from the text where they also remove it."""
    found = [move for pair in pairs(body, ops) if (move := _move(site, *pair))]
    if not found:
        return ops
    shares = Counter(move.one.edited for move in found)
    by_target: dict[Field, list[_Move]] = {}
    for move in sorted(found, key=lambda move: move.begin):
        alone = shares[move.one.edited] == 1
        by_target.setdefault(move.other.path[:-1], []).append(
            replace(move, tail=_tail(site, move)) if alone else move
        )
    result = {path: replace(own, adds=list(own.adds)) for path, own in ops.items()}
    fresh: set[int] = set()
    spans: list[tuple[int, int]] = []
    for target, beside in by_target.items():
        home, moves = beside[0].other.home, _joined(site, beside)
        texts = {move.other.path[-1]: _lines(site, move) for move in moves}
        _carry(result[home], target[len(home) :], texts, fresh)
        for move in moves:
            if move.one.home == home:
                result[home].places.setdefault(move.other.edited[-1], move.one.edited[-1])
        spans += [span for move in moves for span in ((move.begin, move.end), move.tail)]
    for home in {move.other.home for move in found}:
        _fill(result[home])
    site.carried = tuple(sorted(span for span in spans if span[0] < span[1]))
    return result


def _move(site: Site, one: Part, other: Part) -> _Move | None:
    """How an entry gets from one place to the other, None where it is better written anew."""
    try:
        trail = site.resolved(one.path)
        home = site.resolved(other.home)[-1][1]
        if len(trail) <= len(one.path) or trail[-2][1].kind != "mapping":
            return None
        node = trail[-2][1]
        entries = site.entries(node)
    except EditRefused:
        return None
    number = [key_text(key) for key, _ in node.entries].index(str(one.path[-1]))
    (key, value), start = node.entries[number], entries.starts[number]
    colon = site.colon(key)
    if colon < 0 or start != key.start or (home.flow and not node.flow) or not _is_plain(value):
        return None
    begin, end, column = start, entries.ends[number], -1
    if not node.flow:
        column = site.column(start)
        begin, end = _above(site, entries, number), site.after(end, column)
    elif "\n" in site.plain[begin:end] or (not home.flow and site.plain[colon] not in " \t"):
        return None
    move = _Move(one, other, node, number, begin, end, column, "", [])
    if is_within(site.text.masked, begin, end) or _is_odd(site, move):
        return None
    try:
        return _rewritten(site, move)
    except EditRefused:
        return None


_PLAIN: Final = re.compile(
    r"|~|[Nn]ull|[Tt]rue|[Ff]alse|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
)


def _is_plain(value: Node) -> bool:
    """Whether every YAML reads the words and numbers in it as kubectl does."""
    return all(
        isinstance(resolve(node.raw), str) or _PLAIN.fullmatch(node.raw)
        for node in walk(value)
        if node.kind == "scalar" and not node.style and node.tag is None
    )


def _above(site: Site, entries: Entries, number: int) -> int:
    """Where an entry begins with the comments directly above it, in its own column."""
    start = entries.starts[number]
    if site.is_behind(start) or (not number and entries.node is site.document.root):
        return start
    leaf = bisect_left(site.leaves, start, key=lambda node: node.start) - 1
    floor = line_end(site.plain, site.leaves[leaf].end) if leaf >= 0 else site.document.start
    comment = re.compile(rf" {{{site.column(start)}}}#")
    begin = line_start(site.plain, start)
    while begin > floor and comment.match(site.plain, line_start(site.plain, begin - 1)):
        begin = line_start(site.plain, begin - 1)
    return begin


_BREAK: Final = re.compile(r"\r(?!\n)|[\x85\u2028\u2029]")


def _is_odd(site: Site, move: _Move) -> bool:
    """Whether lines break otherwise than those around them, or reach to the left of their key."""
    written = site.source[move.begin : move.end]
    breaks = written.count("\n") if site.text.newline == "\r\n" else 0
    if _BREAK.search(written) or written.count("\r\n") != breaks:
        return True
    return any(
        line.strip() and line[: move.column].strip(" ") and not line.lstrip(" ").startswith("#")
        for line in written.split("\n")[1:]
    )


_COMMENT: Final = re.compile(r"[ \t]+#[^\r\n]*")


def _tail(site: Site, move: _Move) -> tuple[int, int]:
    """The comment behind a flow collection on one line, of which this entry is all that stays."""
    if move.column >= 0 or move.one.is_whole:
        return (0, 0)
    home, (key, whole) = (site.resolved(path)[-1] for path in (move.other.home, move.one.edited))
    found = _COMMENT.match(site.source, whole.end)
    is_line = not home[1].flow and "\n" not in site.plain[key.start : whole.end]
    return found.span() if found and is_line else (0, 0)


def _joined(site: Site, moves: list[_Move]) -> list[_Move]:
    """The moves, each with what stands between it and the next that comes from beside it."""
    result = []
    for move, after in zip(moves, [*moves[1:], None], strict=True):
        longer = move
        if after and move.node is after.node and move.number + 1 == after.number:
            more = site.source[move.end : after.begin]
            longer = replace(move, end=after.begin, text=move.text + more)
        is_masked = is_within(site.text.masked, move.end, longer.end)
        is_block = move.column >= 0 and not is_masked and not _is_odd(site, longer)
        result.append(longer if is_block else move)
    return result


def _carry(own: Ops, steps: Field, texts: dict[Any, Carried], fresh: set[int]) -> None:
    """Put the text of entries in their places below `steps` of what is added, in its own order."""
    root = dict(own.adds)
    here = root
    for step in steps:
        if id(here[step]) not in fresh:
            here[step] = dict(here[step])
            fresh.add(id(here[step]))
        here = here[step]
    queue = iter(texts.items())
    ordered = dict(next(queue) if key in texts else (key, here[key]) for key in here)
    here.clear()
    here.update(ordered)
    own.adds[:] = root.items()


def _lines(site: Site, move: _Move) -> Carried:
    """The text of an entry; the site learns where it stood."""
    site.quoted += move.quoted
    if move.column < 0:
        return Carried((move.text + site.source[slice(*move.tail)],), 0)
    if move.one.is_whole:
        site.lines[id(move.node), move.number] = (move.begin, move.end)
    pad = " " * site.column(move.begin)
    lines = (pad + move.text.replace("\r\n", "\n").removesuffix("\n")).split("\n")
    return Carried(tuple(lines), move.column)


def _rewritten(site: Site, move: _Move) -> _Move:
    """The move with its text, in which the values are changed that do so on the way.

    Raises: EditRefused where more than the entry would change.
    """
    sets: dict[Field, Ops] = {}
    for path, value in changed_values(move.one.value, move.other.value) or ():
        sets.setdefault(path[:-1], Ops()).sets[path[-1]] = value
    if not sets:
        return replace(move, text=site.source[move.begin : move.end])
    inner = site.apart()
    for path, own in sets.items():
        node = site.resolved((*move.one.path, *path))[-1][1]
        container(inner, node, own, lookup(move.one.value, path))
    parts, at = [], move.begin
    for cut in sorted(inner.cuts):
        if cut.start < at or cut.end > move.end:
            raise site.refused("two edits meet in one line", move.node)
        parts += [site.source[at : cut.start], cut.text]
        at = cut.end
    text = "".join([*parts, site.source[at : move.end]])
    return replace(move, text=text, quoted=inner.quoted)


def _fill(own: Ops) -> None:
    """Let what is added beside what moved stand with it."""
    last = next(iter(own.places.values()), None)
    for step, _ in own.adds if own.places else ():
        last = own.places.setdefault(step, last)
