"""YAML text as a tree with exact offsets, and edits spliced into it; every untouched byte survives.

The tree is built from libyaml's events on a stack of our own: its syntax is the one that kubectl
reads, its event stream neither crashes on deep input nor expands aliases. Scalars keep their text
and are resolved, when asked for, as kubectl resolves them. No function here calls itself.
"""

from __future__ import annotations

from migrate.yamltext.documents import Document, Text
from migrate.yamltext.inside import Inside, String, inside, string
from migrate.yamltext.meaning import intended
from migrate.yamltext.nodes import LIMITS, Limits, Node
from migrate.yamltext.objects import dump
from migrate.yamltext.reading import parse
from migrate.yamltext.splicing import Edited, Splice, byte_splices, edited
from migrate.yamltext.templates import mask
from migrate.yamltext.values import is_same, resolve

__all__ = [
    "LIMITS",
    "Document",
    "Edited",
    "Inside",
    "Limits",
    "Node",
    "Splice",
    "String",
    "Text",
    "byte_splices",
    "dump",
    "edited",
    "inside",
    "intended",
    "is_same",
    "mask",
    "parse",
    "resolve",
    "string",
]
