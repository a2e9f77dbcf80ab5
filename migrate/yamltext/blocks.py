"""Splices of block collections: entries cut, added and rewritten with their lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from migrate.yamltext.flows import flow, flow_text, put_flow
from migrate.yamltext.meaning import Ops, is_rename
from migrate.yamltext.nodes import Node, line_end, line_start
from migrate.yamltext.site import Entries, Site
from migrate.yamltext.values import is_same, key_text
from migrate.yamltext.writing import Carried, block_lines, flow_value, is_inline, token


def container(site: Site, node: Node, own: Ops, old: Any) -> None:
    """Splice what becomes of the entries of one container, whose value is `old`."""
    entries = site.entries(node)
    index: dict[str | int, int] = {n: n for n in range(len(entries.starts))}
    if node.kind == "mapping":
        index = {key_text(key): n for n, (key, _) in enumerate(node.entries)}
    for step, value in own.sets.items():
        _put(site, entries, index[step], value)
    gone = {index[step] for step in own.removes}
    kept = [n for n in range(len(entries.starts)) if n not in gone]
    if node.kind == "mapping" and is_rename(own):
        name, value = own.adds[0]
        _rename(site, entries, index[own.removes[0]], name, value, old[own.removes[0]])
    elif gone and not kept:
        _replace(site, entries, own.adds)
    elif node.flow:
        flow(site, entries, gone, own.adds)
    else:
        places = {step: index[place] for step, place in own.places.items()}
        moved = _drop(site, entries, gone, set(places.values()))
        _insert(site, entries, own.adds, moved, places)


def root(site: Site, value: Any) -> None:
    """Write an empty root anew."""
    node = site.document.root
    if node is None or not node.flow:
        raise site.refused("the document is empty", node)
    if site.text.is_json or site.is_behind(node.start):
        site.cut(node.start, node.end, flow_value(value, site.style, 0))
    else:
        stop = line_end(site.plain, node.end)
        tail = site.source[node.end : stop].strip()
        first, *rest = block_lines("", value, 0, site.style)
        site.cut(node.start, stop, _joined([f"{first} {tail}".rstrip(), *rest]))


def _joined(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _drop(site: Site, entries: Entries, gone: set[int], refilled: set[int]) -> dict[int, bool]:
    """Cut entries of a block collection, each with its lines; some have others in their places.

    Shape: per entry that stands behind a dash, or follows one cut there, whether it is now at
    that dash itself.
    """
    starts = entries.starts
    behind = site.is_behind(starts[0])
    moved = {0: behind}
    for n in range(len(starts)):
        if n not in gone:
            behind = False
            continue
        start, stop = site.span(entries, n)
        site.quote(start, stop)
        if not behind:
            # Blank lines that follow would become part of a block scalar that keeps them.
            end = site.after_blank(stop) if site.is_kept(start) else stop
            site.cut(line_start(site.plain, start), end)
            continue
        if n in refilled:
            site.cut(start, stop)
            behind = False
            continue
        # The next entry moves up to the dash, or a comment that stands before it does.
        follow, _ = site.span(entries, n + 1)
        comment = site.plain.find("#", stop, follow)
        site.cut(start, comment if comment >= 0 else follow)
        moved[n + 1] = behind = comment < 0
    return moved


def _insert(
    site: Site,
    entries: Entries,
    adds: list[tuple[Any, Any]],
    moved: dict[int, bool],
    places: dict[Any, int],
) -> None:
    """Add entries to a block collection: at the place of one that goes, else at the end."""
    is_item, first = entries.node.kind == "sequence", entries.starts[0]
    column = site.column(first)
    dashed = {n for n in places.values() if moved.get(n)}
    for step, value in adds:
        at = site.after(entries.ends[step - 1 if is_item else -1], column)
        head = " " * column + ("-" if is_item else f"{token(step, site.style)}:")
        text = _joined(block_lines(head, value, column, site.style, item=is_item))
        if is_item and step in moved:
            at = line_start(site.plain, entries.starts[step])
            if moved[step]:
                at, text = entries.starts[step], text.lstrip(" ") + " " * column
        if step in places:
            n = places[step]
            at = site.span(entries, n)[0]
            if not moved.get(n):
                at = line_start(site.plain, at)
            elif n in dashed:
                dashed.discard(n)
                text = text.lstrip(" ")
        site.check_balanced(entries.node, at)
        site.cut(at, at, text)


def _replace(site: Site, entries: Entries, adds: list[tuple[Any, Any]]) -> None:
    """Write a collection anew that keeps none of its entries."""
    node = entries.node
    fresh: Any = dict(adds)
    if node.kind == "sequence":
        fresh = [value for _, value in sorted(adds, key=lambda add: add[0])]
    if node.flow:
        start = site.plain.index("[" if node.kind == "sequence" else "{", node.start)
        site.quote(start, node.end)
        site.cut(start, node.end, flow_text(site, fresh, node, whole=True))
        return
    column = site.column(entries.starts[0])
    start, stop = site.span(entries, 0)[0], site.span(entries, len(entries.ends) - 1)[1]
    site.quote(start, stop)
    lines = block_lines("", fresh, column, site.style) if fresh else [token(fresh, site.style)]
    site.cut(start, stop, _from(site, start, lines))


def _rename(site: Site, entries: Entries, n: int, name: str, value: Any, old: Any) -> None:
    """Put a new entry where another stood; a key alone where the value stays."""
    key, node = entries.node.entries[n]
    is_flow, same = entries.node.flow, is_same(old, value)
    if is_flow and isinstance(value, Carried):
        site.cut(entries.starts[n], entries.ends[n], value.lines[0])
        return
    is_scalar = node.kind == "scalar" and node.style not in ("|", ">") and is_inline(value)
    if same or is_scalar or is_flow:
        if site.colon(key) < 0 and not is_flow:
            raise site.refused("a key written with `?` is not edited", key)
        site.cut(key.start, key.end, token(name, site.style, flow=is_flow, like=key.style))
        if not same:
            _put(site, entries, n, value)
        return
    column = site.column(entries.starts[n])
    start, stop = site.span(entries, n)
    site.quote(start, stop)
    head = f"{' ' * column}{token(name, site.style)}:"
    site.cut(start, stop, _from(site, start, block_lines(head, value, column, site.style)))


def _from(site: Site, start: int, lines: list[str]) -> str:
    """The lines as they are written from `start` on, which may stand behind their indentation."""
    return _joined(lines).lstrip(" ") if site.column(start) else _joined(lines)


def _put(site: Site, entries: Entries, n: int, value: Any) -> None:
    """Write another value into an entry."""
    if entries.node.flow:
        put_flow(site, entries, n, value)
        return
    old, head = entries.node.items[n], entries.starts[n] + 1
    if entries.node.kind == "mapping":
        key = entries.node.entries[n][0]
        head = site.colon(key)
        if head < 0:
            raise site.refused("a key written with `?` is not edited", key)
    if old.style in ("|", ">") or (old.kind in ("mapping", "sequence") and not old.flow):
        stop = site.after(old.end, site.column(entries.starts[n]))
        site.quote(head, stop)
        _write(site, entries, n, value, (head, stop), "")
        return
    site.quote(old.start, old.end)
    if not is_inline(value):
        end = max(old.end, head)
        stop = line_end(site.plain, end)
        _write(site, entries, n, value, (head, stop), site.source[end:stop].strip())
        return
    written = token(value, site.style, like=old.style if old.kind == "scalar" else "")
    if old.start < old.end:
        site.cut(old.start, old.end, written)
    else:
        site.cut(head, head, " " + written)


def _write(
    site: Site, entries: Entries, n: int, value: Any, span: tuple[int, int], tail: str
) -> None:
    """Write a value with its lines from a colon or dash on; `tail` is the comment that stays."""
    head, stop = span
    is_item, column = entries.node.kind == "sequence", site.column(entries.starts[n])
    # A comment that stands deeper would become part of a literal block above it.
    style = replace(site.style, literal=site.after(stop - 1, column) == stop)
    first, *rest = block_lines("-" if is_item else ":", value, column, style, item=is_item)
    site.cut(head, stop, _joined([f"{first[1:]} {tail}".rstrip(), *rest]))
