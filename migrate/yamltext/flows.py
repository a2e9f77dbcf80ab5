"""Splices of flow collections: entries cut, added and rewritten with their commas."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from migrate.yamltext.nodes import Node, line_end, line_start
from migrate.yamltext.site import Entries, Site
from migrate.yamltext.writing import Carried, flow_value, token


def put_flow(site: Site, entries: Entries, n: int, value: Any) -> None:
    """Write another value into an entry of a flow collection."""
    node, old = entries.node, entries.node.items[n]
    written = flow_text(site, value, node)
    if old.start < old.end:
        site.quote(old.start, old.end)
        if old.kind == "scalar" and old.style and isinstance(value, str):
            written = token(value, site.style, flow=True, like=old.style)
        site.cut(old.start, old.end, written)
    elif node.kind == "sequence":
        raise site.refused("an empty list item is not edited", old)
    else:
        key = node.entries[n][0]
        colon = site.colon(key)
        at = key.end if colon < 0 else colon
        site.cut(at, at, (": " if colon < 0 else " ") + written)


def flow_text(site: Site, value: Any, node: Node, *, whole: bool = False) -> str:
    """A value for a flow collection, or for the `whole` of it; over several lines as it is."""
    style = site.style
    keys = [key for key, _ in node.entries] if node.kind == "mapping" else []
    if keys and all(key.style == '"' for key in keys) and site.text.source[:1] in "{[":
        style = replace(style, is_json=True)
    if not node.entries or not is_own_line(site, node):
        return flow_value(value, style, site.column(node.start))
    column = site.column(site.starts(node)[0])
    return flow_value(value, style, column - style.step if whole else column, lines=True)


def is_own_line(site: Site, node: Node) -> bool:
    """Whether the first entry of a flow collection stands at the head of a line."""
    return not site.is_behind(site.starts(node)[0])


def flow(site: Site, entries: Entries, gone: set[int], adds: list[tuple[Any, Any]]) -> None:
    """Cut and add entries of a flow collection, with their commas."""
    node, starts = entries.node, entries.starts
    commas = _commas(site, entries)
    if node.kind == "sequence":
        # The last item that comes in front of one that goes takes its place.
        for n in gone & {step for step, _ in adds}:
            at = max(number for number, (step, _) in enumerate(adds) if step == n)
            put_flow(site, entries, n, adds[at][1])
            adds, gone = [*adds[:at], *adds[at + 1 :]], gone - {n}
    for n in gone:
        _drop(site, entries, n, commas[n], is_end=gone.issuperset(range(n, len(starts))))
    appended = []
    for step, value in adds:
        if node.kind == "mapping" or step == len(starts):
            appended.append((step, value))
        else:
            gap = "\n" + " " * site.column(starts[step]) if is_own_line(site, node) else " "
            site.cut(starts[step], starts[step], f"{flow_text(site, value, node)},{gap}")
    last = max(n for n in range(len(starts)) if n not in gone)
    is_cut = last < len(starts) - 1 and commas[-1] < 0
    if appended:
        _append(site, entries, appended, entries.ends[last], -1 if is_cut else commas[last])
    if is_cut:
        site.cut(commas[last], commas[last] + 1)


def _commas(site: Site, entries: Entries) -> list[int]:
    """Per entry the offset of the comma after it, -1 where there is none."""
    found = []
    for n, end in enumerate(entries.ends):
        at = site.skipped(end)
        is_comma = site.plain[at : at + 1] == ","
        if not is_comma and n < len(entries.ends) - 1:
            raise site.refused("the list is written in a way that is not edited", entries.node)
        found.append(at if is_comma else -1)
    return found


def _append(
    site: Site, entries: Entries, adds: list[tuple[Any, Any]], end: int, comma: int
) -> None:
    """Add entries behind the one that ends at `end`, whose comma stays where it has one."""
    node = entries.node
    over = is_own_line(site, node)
    gap = "\n" + " " * site.column(entries.starts[0]) if over else " "
    texts = []
    for step, value in adds:
        if isinstance(value, Carried):
            texts.append(value.lines[0])
            continue
        name = ""
        if node.kind == "mapping":
            like = '"' if all(key.style == '"' for key, _ in node.entries) else ""
            name = token(step, site.style, flow=True, like=like) + ": "
        texts.append(name + flow_text(site, value, node))
    joined = f",{gap}".join(texts)
    line = line_end(site.plain, end)
    rest = site.plain[end:line]
    if over and "#" in rest and comma < line:
        # The comment stays with the entry before.
        at = end + len(rest.rstrip("\r\n"))
        if comma < 0:
            site.cut(end, end, ",")
        site.cut(at, at, gap + joined + ("," if comma >= 0 else ""))
    else:
        site.cut(end, end, f",{gap}{joined}")


def _drop(site: Site, entries: Entries, n: int, comma: int, *, is_end: bool) -> None:
    """Cut one entry of a flow collection: its lines where it has its own, else its words.

    Shape: `is_end` says that all the entries behind it go too.
    """
    start = entries.starts[n]
    end = comma + 1 if comma >= 0 else entries.ends[n]
    begin, line = line_start(site.plain, start), line_end(site.plain, end)
    rest = site.plain[end:line].strip()
    after = entries.starts[n + 1] if n + 1 < len(entries.starts) else -1
    if not site.is_behind(start) and (not rest or rest[0] == "#"):
        start, end = begin, line
    elif not is_end and after >= 0 and not re.search(r"[\n#]", site.plain[entries.ends[n] : after]):
        end = after
    else:
        before = site.plain[begin:start]
        start -= len(before) - len(before.rstrip(" \t")) if before.strip() else 0
    site.quote(start, end)
    site.cut(start, end)
