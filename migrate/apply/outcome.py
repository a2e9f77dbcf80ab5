"""What applying would do, what it did, and how it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn

from migrate.errors import ApplyError
from migrate.model import PhaseName

State = Literal["to-do", "done", "changed", "missing"]

_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class Step:
    """What applying a phase would do to one file.

    Shape: `why` and `remedy` say what stands in the way of a file that is changed or missing.
    """

    path: str
    says: tuple[str, ...]
    lines: int
    creates: int
    state: State
    why: str = ""
    remedy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    Shape: paths as planned; `written` hold their new (undone: their old) bytes now, `already`
    held them before, `removed` are files and folders deleted; `phases` were applied or undone;
    `resumed` names the process that had died half way, "" where none had.
    """

    phases: tuple[PhaseName, ...] = ()
    written: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    resumed: str = ""


def complain(
    path: str, why: str, remedy: Sequence[str], others: Sequence[str], end: str
) -> NoReturn:
    """Refuse, naming the first file and what to do, and some of the others.

    Raises: ApplyError.
    """
    lines = [
        *remedy[:-1],
        f"{remedy[-1]}; {end}",
        *(f"also: {other}" for other in others[:_LISTED]),
    ]
    if len(others) > _LISTED:
        lines.append(f"and {len(others) - _LISTED} more")
    raise ApplyError(why, path=path, remedy="\n  ".join(lines))


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """What the disk refuses is told as an ApplyError."""
    try:
        yield
    except OSError as error:
        raise ApplyError(
            f"the disk refused: {error.strerror}",
            path=str(error.filename or folder),
            remedy="what was begun can be resumed with apply, or undone with rollback",
        ) from error


def short(digest: str) -> str:
    """The beginning of a hash, for people."""
    return digest.replace("sha256:", "sha256 ")[:11] + "…"
