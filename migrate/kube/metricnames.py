"""Names of resources and of nodes' labels as metrics write them, and which of them are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_]")
_CAPITAL: Final = re.compile(r"([a-z0-9])([A-Z])")
_DOMAIN: Final = re.compile(r"((?:\\\.|[\w.-])+)/")
_PIECE: Final = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|\{[0-9,]*\}|\(\?P<\w+>|[/-]", re.DOTALL)
_BEGINNING: Final = re.compile(r"\w*(?![*?{])")
_HOLE: Final = re.compile(r"\.[*+]")
_MOST_HOLES: Final = 4
_NEVER: Final = "(?!)"

_RESOURCE: Final = r"(?<![\w:])"
_LABEL: Final = r"(?<![\w:])(?:__meta_kubernetes_node_)?label_"
"""What stands before a node's label in kube-state-metrics, and where Prometheus finds nodes."""


def metric_form(name: str) -> str:
    """A name as Prometheus writes it, with `_` for what a label's name cannot hold.

    Source: kube-state-metrics internal/store/utils.go (SanitizeLabelName).
    """
    return _UNSAFE.sub("_", name)


def label_form(key: str) -> str:
    """The key of a label as kube-state-metrics writes it behind `label_`.

    Source: kube-state-metrics internal/store/utils.go (labelName).
    """
    return _CAPITAL.sub(r"\1_\2", metric_form(key)).lower()


@dataclass(frozen=True, slots=True)
class Known:
    """An exact name, or a pattern, and whose it is.

    Shape: of a pattern, `text` is its literal beginning, which may be no more than a domain.
    """

    text: str
    owner: str
    pattern: re.Pattern[str] | None = None
    is_domain: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """Known names in the form of metrics.

    Shape: `any` finds what may be one in a text, by its domain, as its group `name`; `begun` has
    all that are known by their first word.
    """

    any: re.Pattern[str]
    exact: Mapping[str, str]
    patterns: Sequence[tuple[re.Pattern[str], str]]
    begun: Mapping[str, Sequence[Known]]

    def owner(self, name: str) -> str:
        """Whose a name is, "" where only its domain is known."""
        if name in self.exact:
            return self.exact[name]
        return next((owner for pattern, owner in self.patterns if pattern.fullmatch(name)), "")

    def fitting(self, pattern: str) -> str:
        """Whose the names are that fit a pattern best, "" for nobody's.

        Shape: in `pattern`, `.*` and `.+` are holes, and what stands before the first has to hold
        a domain's first word; the shortest exact name comes first, then the family of names that
        begins alike the longest.
        """
        parts = [metric_form(part) for part in _HOLE.split(pattern, _MOST_HOLES)]
        beginning = parts[0]
        known = self.begun.get(beginning.partition("_")[0], ())
        whole = re.compile(".*".join(map(re.escape, parts)), re.ASCII)
        exact = [(len(k.text), k.text, k.owner) for k in known if not k.pattern]
        if found := [each for each in exact if whole.fullmatch(each[1])]:
            return min(found)[2]
        families = [
            (min(len(k.text), len(beginning)), k.owner)
            for k in known
            if len(parts) > 1 and _begins(k, beginning)
        ]
        return max(families, key=lambda family: family[0])[1] if families else ""


def resources(known: Iterable[tuple[str, str, str]]) -> Names:
    """The resources among these: of each whose it is, and its name or a pattern of names."""
    return _names(known, _RESOURCE, metric_form)


def labels(known: Iterable[tuple[str, str, str]]) -> Names:
    """The labels of nodes among these: of each whose it is, and its key or a pattern of keys."""
    return _names(known, _LABEL, label_form)


def _names(known: Iterable[tuple[str, str, str]], before: str, form: Callable[[str], str]) -> Names:
    exact: dict[str, str] = {}
    patterns: list[tuple[re.Pattern[str], str]] = []
    begun: dict[str, list[Known]] = {}
    domains: set[str] = set()
    for owner, name, pattern in sorted(known, key=lambda each: len(each[2]), reverse=True):
        found = _DOMAIN.match(name or pattern)
        if found is None or "." not in found[1]:
            # Of a domain without a dot nothing is left by which it could be told from words.
            continue
        domain = metric_form(found[0].replace("\\", ""))
        domains.add(domain)
        if name:
            each = Known(form(name), owner)
            exact[each.text] = owner
        else:
            written = re.compile(_sanitised(pattern), re.ASCII)
            beginning = _BEGINNING.match(written.pattern)
            text = beginning[0] if beginning else ""
            each = Known(text, owner, written, text == domain)
            patterns.append((written, owner))
        begun.setdefault(each.text.partition("_")[0], []).append(each)
    anything = rf"{before}(?P<name>(?:{'|'.join(sorted(domains)) or _NEVER})\w{{1,63}})"
    return Names(re.compile(anything, re.ASCII), exact, patterns, begun)


def _begins(known: Known, beginning: str) -> bool:
    """Whether names of a known pattern begin so."""
    if known.pattern is None:
        return False
    if known.is_domain and not known.text.startswith(beginning):
        return known.pattern.fullmatch(beginning) is not None
    return known.text.startswith(beginning) or beginning.startswith(known.text)


def _sanitised(pattern: str) -> str:
    """The pattern of a name, for the name as metrics write it."""
    return _PIECE.sub(_piece, pattern)


def _piece(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith("["):
        return text if text.startswith("[^") else f"[_{text[1:]}"
    is_kept = text[0] in "{(" or (text[0] == "\\" and text[1].isalnum())
    return text if is_kept else "_"
