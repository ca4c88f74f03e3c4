"""A backup as a tar file: files are hashed while they are written, and again while they are read."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from data_contracts.progress import Progress, silent
from serving.backup.manifest import NAME, Manifest, not_a_backup

CHUNK = 1 << 20
PERMISSIONS = 0o777

Place = Callable[[str], Path | None]
"""Where a file of a backup goes, by its name; None leaves it out."""


class ArchiveWriter:
    """Files added to a tar file, with the sha256 of each."""

    def __init__(self, archive: tarfile.TarFile, progress: Progress = silent) -> None:
        self._archive, self._progress = archive, progress
        self.files: dict[str, str] = {}

    def add(self, path: Path, name: str) -> None:
        """Add a file under a name; one that is gone in the meantime is left out."""
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            found = os.fstat(file.fileno())
            member = tarfile.TarInfo(name)
            member.size, member.mtime = found.st_size, found.st_mtime
            member.mode = found.st_mode & PERMISSIONS
            hashed = _Hashed(file)
            self._archive.addfile(member, hashed)  # type: ignore[arg-type]
            self.files[name] = hashed.digest.hexdigest()
            self._progress("打包 / packing", len(self.files), None)

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest, by which a reader knows that the rest is whole."""
        content = manifest.as_bytes()
        member = tarfile.TarInfo(NAME)
        member.size, member.mtime, member.mode = len(content), time.time(), 0o600
        self._archive.addfile(member, io.BytesIO(content))


def manifest_in(path: Path) -> Manifest:
    """The manifest of a backup; SourceUnreadable if the file is none, or was cut short."""
    with _opened(path) as archive:
        content = archive.extractfile(NAME)
        return Manifest.read(content.read() if content else b"")


def unpack(path: Path, place: Place, progress: Progress = silent) -> None:
    """Read every file of a backup and put it where `place` says; SourceUnreadable if any is not as it was written."""
    manifest, seen = manifest_in(path), set[str]()
    with _opened(path) as archive:
        for member in archive:
            if member.name == NAME:
                continue
            content = archive.extractfile(member) if member.isfile() else None
            if content is None or not _is_within(member.name) or member.name in seen:
                raise not_a_backup(f"含有异常条目 {member.name}", f"{member.name} does not belong there")
            digest = _copied(content, place(member.name), member)
            if digest != manifest.files.get(member.name):
                raise not_a_backup(f"{member.name} 的内容已变", f"{member.name} is not as it was written")
            seen.add(member.name)
            progress("校验 / verifying", len(seen), len(manifest.files))
    if missing := manifest.files.keys() - seen:
        raise not_a_backup(f"缺少 {min(missing)}", f"{min(missing)} is missing")


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self.digest.update(content)
        return content


@contextlib.contextmanager
def _opened(path: Path):  # type: ignore[no-untyped-def]
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise not_a_backup("文件不是 tar 或不完整", "the file is no tar file, or was cut short") from error


def _is_within(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _copied(content: IO[bytes], target: Path | None, member: tarfile.TarInfo) -> str:
    """Write a file's content to its place, with the permissions and the time it had; the sha256."""
    hashed = _Hashed(content)
    if target is None:
        while hashed.read(CHUNK):
            pass
        return hashed.digest.hexdigest()
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := hashed.read(CHUNK):
            file.write(chunk)
    target.chmod(member.mode & PERMISSIONS)
    os.utime(target, (member.mtime, member.mtime))
    return hashed.digest.hexdigest()
