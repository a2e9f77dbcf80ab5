"""One process at a time works on a plan folder."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from migrate.apply import disk
from migrate.errors import ApplyError

_LOCKED_BYTE: Final = 1 << 20
"""Past the text of the lock file: Windows lets nobody read a byte that is locked."""


@contextmanager
def held(place: Path, folder: Path) -> Iterator[str]:
    """The lock of a plan folder; gives the process that died while it held it, "" where none did.

    Raises: ApplyError where another process holds it.
    """
    handle = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        text = os.read(handle, 200).decode("ascii", "replace")
        holder = "".join(letter for letter in text if letter.isprintable())
        _lock(handle, folder, holder)
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        disk.pour(handle, f"process {os.getpid()} on {socket.gethostname()}, begun {now}".encode())
        try:
            yield holder
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path, holder: str) -> None:
    # The system's own lock dies with its process, so that no stale one can be left behind.
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise ApplyError(
            f"is being applied or rolled back by {holder or 'another process'}",
            path=str(folder),
            remedy="wait for it; if it is ended, what it has begun can be resumed or rolled back",
        ) from error
    except OSError as error:
        raise ApplyError(
            f"cannot be locked: {error.strerror}",
            path=str(folder),
            remedy="copy the plan folder to a disk that can lock, and give the root",
        ) from error
