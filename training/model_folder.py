"""A model as a folder that can be audited: text and JSON, each file named with its sha256.

    passport.json                    dates, heads, features, metrics, reference profile, versions
    examples.json                    a few rows of feature values and the risks they must give
    heads/<head>/                    the model in use: `training.head_model` says which files
    tested/<head>/                   the same of the model that was judged, fitted before the rows that judge it
    manifest.json                    protocol number and the sha256 of every file above

The sha256 of `manifest.json` stands for the whole folder; its first twelve digits are the version.
Only files that the manifest names are ever read, and only after their bytes have been verified:
LightGBM ends the whole process when it meets a truncated text.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from data_contracts.errors import ModelInvalid, NotFound

PROTOCOL = 2
READ_PROTOCOLS = (1, 2)  # 1 had trees and calibration alone, and nothing of the judged model
VERSION_DIGITS = 12
MANIFEST, PASSPORT, EXAMPLES = "manifest.json", "passport.json", "examples.json"
POINTER = "current.json"
HEADS, TESTED = "heads", "tested"


@dataclass(frozen=True)
class VerifiedFolder:
    """The bytes of a model folder, each file equal to what the manifest says."""

    path: Path
    sha256: str
    files: Mapping[str, bytes]

    @property
    def version(self) -> str:
        return self.sha256[:VERSION_DIGITS]

    def json(self, name: str) -> Any:
        """The content of a JSON file of the folder; ModelInvalid if it is not there or not JSON."""
        try:
            return json.loads(self.text(name))
        except ValueError as error:
            raise invalid(self.path, f"{name} 不是有效的 JSON", f"{name} is not JSON") from error

    def text(self, name: str) -> str:
        """The content of a text file of the folder; ModelInvalid if the manifest does not name it."""
        if name not in self.files:
            raise invalid(self.path, f"清单中没有 {name}", f"the manifest does not name {name}")
        try:
            return self.files[name].decode("utf-8")
        except UnicodeDecodeError as error:
            raise invalid(self.path, f"{name} 不是 UTF-8 文本", f"{name} is not UTF-8 text") from error


def files_of_head(files: Mapping[str, bytes], head: str, part: str = HEADS) -> dict[str, bytes]:
    """The files of one head by their names inside its folder; `part` is `heads` or `tested`.

    >>> files_of_head({"heads/defect/booster.txt": b"tree", "passport.json": b""}, "defect")
    {'booster.txt': b'tree'}
    """
    prefix = f"{part}/{head}/"
    return {name.removeprefix(prefix): content for name, content in files.items() if name.startswith(prefix)}


def as_json(content: Any) -> bytes:
    """JSON as the folder holds it: UTF-8, readable, without NaN (which is not JSON)."""
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    return (text + "\n").encode("utf-8")


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The manifest of these files: the same files have the same manifest, in whatever order."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    return as_json({"protocol": PROTOCOL, "files": hashes})


def sha256_of(files: Mapping[str, bytes]) -> str:
    """The sha256 that the folder of these files will have.

    >>> sha256_of({"a": b"1", "b": b"2"}) == sha256_of({"b": b"2", "a": b"1"})
    True
    """
    return hashlib.sha256(manifest_of(files)).hexdigest()


def write_model_folder(folder: Path, files: Mapping[str, bytes]) -> VerifiedFolder:
    """Write the files and their manifest to `folder`, which appears complete or not at all.

    A folder that is there already is kept if it holds the same files, whole, and replaced if it is
    another model folder or empty; anything else is refused with ModelInvalid.
    """
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise invalid(
            folder,
            "目标文件夹不是模型文件夹且非空，请另选路径",
            "it is neither empty nor a model folder; choose another",
        )
    there = _whole_or_none(folder, sha256_of(files))
    if there is not None:
        return there
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, content in {**files, MANIFEST: manifest_of(files)}.items():
            _write_durably(building / name, content)
        building.chmod(0o755)
        verified = read_verified(building)
        _replace_folder(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return VerifiedFolder(path=folder, sha256=verified.sha256, files=verified.files)


def read_verified(folder: Path, *, sha256: str | None = None) -> VerifiedFolder:
    """The files of a model folder, after every sha256 has been compared.

    `sha256`, where given, is what the whole folder has to be (the champion's pointer says so).
    Raises NotFound without a folder, ModelInvalid if anything is missing, changed or unknown.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise NotFound(
            zh=f"未找到模型文件夹 {folder}（缺少 {MANIFEST}）。请用 siterisk train --export 导出。",
            en=f"No model folder at {folder} ({MANIFEST} is missing). Export one with siterisk train --export.",
            field="model",
        )
    raw = (folder / MANIFEST).read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if sha256 is not None and found != sha256:
        raise invalid(
            folder,
            f"sha256 应为 {sha256[:VERSION_DIGITS]}…，实为 {found[:VERSION_DIGITS]}…",
            f"its sha256 should be {sha256[:VERSION_DIGITS]}… and is {found[:VERSION_DIGITS]}…",
        )
    files = {name: _read_file(folder, name, expected) for name, expected in _manifest(folder, raw).items()}
    return VerifiedFolder(path=folder, sha256=found, files=files)


def champion_pointer(home: Path) -> dict[str, Any]:
    """What `<home>/champion/current.json` says: version, sha256, heads and what was in force before.

    Raises NotFound if nothing has been promoted yet, ModelInvalid if the pointer cannot be read.
    """
    pointer = Path(home) / "champion" / POINTER
    if not pointer.is_file():
        raise NotFound(
            zh=f"{home} 中还没有在用模型。请先运行 siterisk train，再运行 siterisk promote。",
            en=f"No champion in {home} yet. Run siterisk train, then siterisk promote.",
            field="model",
        )
    try:
        content = json.loads(pointer.read_text(encoding="utf-8"))
        if not {"version", "sha256", "heads", "history"} <= set(content):
            raise ValueError("keys are missing")
    except (ValueError, TypeError) as error:
        raise invalid(pointer, "指针文件无法读取", "the pointer cannot be read") from error
    return content


def champion_folder(home: Path, pointer: Mapping[str, Any] | None = None) -> Path:
    """The folder that `pointer` (default: the one in `home`) names; NotFound with the way out if there is none."""
    folder = Path(home) / "champion" / (pointer or champion_pointer(home))["version"]
    if not (folder / MANIFEST).is_file():
        raise NotFound(
            zh=f"在用模型的文件夹 {folder} 不存在。请运行 siterisk rollback 或从备份恢复。",
            en=f"The champion's folder {folder} is gone. Run siterisk rollback or restore a backup.",
            field="model",
        )
    return folder


def invalid(path: Path, zh: str, en: str) -> ModelInvalid:
    """The error for a folder that is not what its manifest says."""
    return ModelInvalid(
        zh=f"模型文件夹 {path} 无效：{zh}。", en=f"Model folder {path} is not valid: {en}.", field="model"
    )


def _manifest(folder: Path, raw: bytes) -> dict[str, str]:
    try:
        content = json.loads(raw)
        protocol, files = content["protocol"], dict(content["files"])
    except (ValueError, TypeError, KeyError) as error:
        raise invalid(folder, f"{MANIFEST} 无法读取", f"{MANIFEST} cannot be read") from error
    if protocol not in READ_PROTOCOLS:
        raise invalid(
            folder,
            f"格式号 {protocol} 不受支持（本版本为 {PROTOCOL}），请升级 siterisk",
            f"its protocol is {protocol} and this siterisk reads {PROTOCOL}; upgrade siterisk",
        )
    for name in files:
        parts = PurePosixPath(name).parts
        if PurePosixPath(name).is_absolute() or ".." in parts or not parts or "\\" in name or "\0" in name:
            raise invalid(
                folder, f"清单中的路径 {name!r} 不合法", f"the manifest names an unsafe path {name!r}"
            )
    return files


def _read_file(folder: Path, name: str, expected: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise invalid(folder, f"缺少文件 {name}", f"{name} is missing") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise invalid(
            folder, f"{name} 的 sha256 与清单不符", f"{name} differs from its sha256 in the manifest"
        )
    return content


def _write_durably(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _whole_or_none(folder: Path, sha256: str) -> VerifiedFolder | None:
    try:
        return read_verified(folder, sha256=sha256)
    except (NotFound, ModelInvalid):
        return None


def _replace_folder(new: Path, target: Path) -> None:
    """Put `new` where `target` is; a folder cannot replace a full one, so the old one steps aside until it is done."""
    if not target.exists():
        new.replace(target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    old = target.replace(aside / "old")
    try:
        new.replace(target)
    except BaseException:
        old.replace(target)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
