"""The bytes of a file or of standard input, if they are text and not too many."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from dataclasses import dataclass
from typing import BinaryIO, Final

from migrate.errors import InputError
from migrate.read import walk

_MANIFESTS: Final = (".yaml", ".yml")
"""What is a manifest more often than anything else; JSON is not."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Why a file was not read; to be counted, or to be reported with its path.

    Shape: `is_quiet` where most such files are data that nobody meant to be read.
    """

    reason: str
    is_counted: bool
    is_quiet: bool = False


def content(candidate: walk.Candidate, stdin: BinaryIO | None, limit: int) -> bytes | Passed:
    """The bytes of what the candidate stands for, or why they are passed over.

    Units: `limit` is in bytes.
    Raises: InputError for standard input that is empty, too large or no text.
    """
    if candidate.place == walk.STDIN:
        return _piped(stdin or sys.stdin.buffer, limit)
    if candidate.skipped:
        return Passed(candidate.skipped, is_counted=True)
    if candidate.fault:
        return Passed(candidate.fault.lower(), is_counted=False)
    try:
        data, reason = _opened(candidate, limit)
    except OSError as error:
        return Passed((error.strerror or str(error)).lower(), is_counted=False)
    if not reason:
        return data
    is_data = not candidate.is_named and not candidate.place.lower().endswith(_MANIFESTS)
    return Passed(reason, is_counted=False, is_quiet=is_data)


def decoded(data: bytes) -> str:
    """The text of the bytes, whatever they are."""
    return data.decode(_wide(data) or "utf-8", "replace")


def searchable(data: bytes) -> bytes:
    """The bytes as UTF-8, in which needles are looked for."""
    return decoded(data).encode("utf-8", "replace") if _wide(data) else data


def _opened(candidate: walk.Candidate, limit: int) -> tuple[bytes, str]:
    """The bytes of a regular file, or why they are not taken."""
    # Between listing and opening the entry may have become a link or a pipe: neither is followed.
    flags = os.O_RDONLY
    for flag in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK"):
        flags |= getattr(os, flag, 0)
    descriptor = os.open(candidate.place, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b"", "not a regular file"
        if status.st_size > limit:
            return b"", _too_large(limit)
        data = _all(descriptor, min(status.st_size, limit))
    finally:
        os.close(descriptor)
    if len(data) > limit:
        return b"", _too_large(limit)
    return (b"", "binary") if _is_binary(data) else (data, "")


def _all(descriptor: int, expected: int) -> bytes:
    """The bytes of an open file; a little more than `expected` of one that grows meanwhile."""
    data = os.read(descriptor, expected + 1)
    while len(data) < expected and (more := os.read(descriptor, expected + 1 - len(data))):
        data += more
    return data


def _piped(stdin: BinaryIO, limit: int) -> bytes:
    data = stdin.read(limit + 1)
    if len(data) > limit:
        raise InputError(_too_large(limit), path=walk.STDIN)
    if _is_binary(data):
        raise InputError("binary", path=walk.STDIN)
    if not data.strip():
        raise InputError(
            "standard input is empty",
            path=walk.STDIN,
            remedy="look at what the command before the pipe says",
        )
    return data


def _too_large(limit: int) -> str:
    return f"larger than {limit / 1_000_000:g} MB"


def _is_binary(data: bytes) -> bool:
    return b"\0" in data and not _wide(data)


def _wide(data: bytes) -> str:
    """The UTF-16 that the bytes are in, by their mark or by where their NULs stand, or ""."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "" if data.startswith(codecs.BOM_UTF32_LE) else "utf-16"
    zeros = [byte == 0 for byte in data[:4]]
    if zeros == [False, True, False, True]:
        return "utf-16-le"
    return "utf-16-be" if zeros == [True, False, True, False] else ""
