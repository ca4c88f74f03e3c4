"""The last file of a backup: of what and when it is, and the sha256 of every other file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from data_contracts.errors import SourceUnreadable
from data_contracts.store_tables import LAYOUT
from serving.backup.readings import Readings

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself; no address, password or key of the installation is in it.

    `made_at` is Shanghai wall time before anything was copied, `champion` the version in force (missing: none),
    `mlruns` the folder of MLflow's files then: its database names them by it. `files`: sha256 by name.
    """

    made_at: str
    siterisk_version: str
    contract_version: str
    champion: str | None
    mlruns: str
    store: Readings
    files: dict[str, str]
    format: int = FORMAT

    def as_bytes(self) -> bytes:
        """The manifest as it stands in the backup."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode("utf-8")

    def in_short(self) -> dict[str, Any]:
        """Without the list of files, how many they are instead."""
        return {**asdict(self), "files": len(self.files)}

    @classmethod
    def read(cls, content: bytes) -> Manifest:
        """The manifest of a backup; SourceUnreadable if it is none, or of a newer siterisk."""
        try:
            told = json.loads(content)
            if told["format"] > FORMAT or told["store"]["layout"] > LAYOUT:
                raise SourceUnreadable(
                    zh=f"备份由较新的 siterisk {told['siterisk_version']} 写出，请使用该版本或更新的版本恢复。",
                    en=f"The backup was written by a newer siterisk, {told['siterisk_version']}: restore it with that one.",
                    field="FROM",
                )
            return cls(**{**told, "store": Readings(**told["store"])})
        except (ValueError, KeyError, TypeError) as error:
            raise not_a_backup("清单无法读取", "its manifest cannot be read") from error


def not_a_backup(zh: str, en: str) -> SourceUnreadable:
    """For a file that is no backup, or no longer whole."""
    return SourceUnreadable(
        zh=f"这不是完整的 siterisk 备份：{zh}。没有恢复任何内容。",
        en=f"This is no siterisk backup, or not all of it: {en}. Nothing was restored.",
        field="FROM",
    )
