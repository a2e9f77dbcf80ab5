"""Files changed so that whoever reads one sees its old bytes or its new ones, never a mix."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migrate.errors import ApplyError

# Neither follow a link, nor wait for the other end of a pipe that took the file's place.
_CAREFULLY: Final = sum(
    getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)
_NO_HARD_LINKS: Final = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK)

_NO_FOLDER_SYNC: Final = (errno.EINVAL, errno.ENOTSUP)


@dataclass(frozen=True, slots=True)
class Write:
    """One file to be given new bytes.

    Shape: `now` is the hash that it must have till then, "" for a file that must not exist yet;
    `data` None deletes it; `mode` None leaves the permissions to the umask; `staged` is where the
    new bytes wait, beside the file.
    """

    path: str
    place: Path
    staged: Path
    now: str
    data: bytes | None
    mode: int | None


def digest(place: Path) -> str:
    """The hash of the file that stands there, "" where nothing does.

    Raises: ApplyError for a link, for what is no file, and for a file that cannot be read.
    """
    try:
        about = os.lstat(place)
        if stat.S_ISLNK(about.st_mode):
            raise ApplyError("is a link", path=str(place))
        if not stat.S_ISREG(about.st_mode):
            raise ApplyError("is not a file", path=str(place))
        with open(place, "rb", opener=_opener) as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ApplyError(f"cannot be read: {error.strerror}", path=str(place)) from error


def contents(place: Path) -> bytes:
    """The bytes of a file that is not a link."""
    with open(place, "rb", opener=_opener) as stream:
        return stream.read()


def mode(place: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(os.lstat(place).st_mode)


def create(
    place: Path, data: bytes, permissions: int | None = None, like: Path | None = None
) -> None:
    """Write a file that did not exist, down to the disk, owned like another where that can be."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFULLY
    handle = os.open(place, flags, 0o666 if permissions is None else 0o600)
    try:
        if like is not None:
            _give(place, like)
        if permissions is not None:
            place.chmod(permissions)
        pour(handle, data)
    finally:
        os.close(handle)


def append(place: Path, data: bytes, keep: int) -> None:
    """Write at the end of a file's first `keep` bytes, down to the disk."""
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | _CAREFULLY, 0o600)
    try:
        os.ftruncate(handle, keep)
        os.lseek(handle, keep, os.SEEK_SET)
        pour(handle, data)
    finally:
        os.close(handle)


def save(place: Path, data: bytes) -> None:
    """Write a file of our own, new or over the old one, down to the disk."""
    staged = place.with_name(f"{place.name}.tmp")
    remove(staged)
    create(staged, data, 0o600)
    staged.replace(place)
    sync(place.parent)


def pour(handle: int, data: bytes) -> None:
    """Write all of it to an open file, down to the disk."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)


def sync(folder: Path) -> None:
    """Bring the names in a folder down to the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(handle)


def remove(place: Path) -> None:
    """Delete a file, or the link itself; nothing where there is none."""
    with suppress(FileNotFoundError, NotADirectoryError):
        place.unlink()


def stage(writes: Sequence[Write], folders: Sequence[Path], end: str) -> None:
    """Make the new folders and put all new bytes beside their files; no file is touched yet.

    Raises: ApplyError, ended by `end`, where the disk refuses; nothing is left behind then.
    """
    path = ""
    try:
        for folder in folders:
            path = str(folder)
            folder.mkdir()
            sync(folder.parent)
        for write in writes:
            path = write.path
            if write.data is not None:
                remove(write.staged)
                like = write.place if write.now else None
                create(write.staged, write.data, write.mode, like)
    except OSError as error:
        unstage(writes)
        remove_folders(folders)
        raise ApplyError(f"cannot be written: {error.strerror}", path=path, remedy=end) from error


def unstage(writes: Iterable[Write]) -> None:
    """Take away the bytes that wait beside their files."""
    for write in writes:
        remove(write.staged)


def commit(writes: Sequence[Write], end: str) -> None:
    """Put the staged bytes in their places, one whole file after the other.

    Raises: ApplyError, ended by `end`, where a file changed in the last moment or the disk
    refuses; the files before it are then done, the others untouched.
    """
    for count, write in enumerate(writes):
        remedy = f"{count} of {len(writes)} files were written, the others are untouched; {end}"
        if digest(write.place) != write.now:
            raise ApplyError("changed while it was being written", path=write.path, remedy=remedy)
        try:
            _put(write)
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            raise ApplyError(reason, path=write.path, remedy=remedy) from error
    for folder in sorted({write.place.parent for write in writes}):
        sync(folder)


def remove_folders(folders: Sequence[Path]) -> list[Path]:
    """The folders that were deleted because nothing is left in them, deepest first."""
    removed = []
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()
            removed.append(folder)
    for folder in removed:
        if folder.parent.is_dir():
            sync(folder.parent)
    return removed


def _put(write: Write) -> None:
    if write.data is None:
        write.place.unlink()
    elif write.now:
        write.staged.replace(write.place)
    else:
        _put_new(write)


def _put_new(write: Write) -> None:
    # A hard link is the one rename that fails where a file already stands.
    try:
        write.place.hardlink_to(write.staged)
        write.staged.unlink()
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(write.place):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        write.staged.rename(write.place)


def _give(place: Path, like: Path) -> None:
    new, old = place.lstat(), like.lstat()
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(OSError):  # only root may give files away; others keep what they can
            os.chown(place, old.st_uid, old.st_gid)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | _CAREFULLY)
