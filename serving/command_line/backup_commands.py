"""`siterisk backup` and `siterisk restore`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.command_line.asked_pairs import JsonOption
from serving.command_line.terminal import result, result_json, say, shown_progress
from serving.settings import load_settings

if TYPE_CHECKING:
    from serving.backup.manifest import Manifest


def backup(
    to: Annotated[
        Path,
        typer.Argument(
            metavar="TO", help="备份文件，须尚不存在。 The tar file to write; must not be there yet."
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """备份记录库与全部文件，服务可继续运行。 Save the record store and the home, while the service runs.

    One tar file that only its owner can read: the store as it was at one moment (SQLite by its own backup, PostgreSQL
    by pg_dump), the home with champions, models and plans, and MLflow's files, with a manifest of sha256 and counts of
    rows. The settings are not in it: keep siterisk.toml or the environment file, which has the password, apart.

    \b
    Examples:
      siterisk backup /backups/siterisk-2026-11-27.tar
      siterisk backup "/backups/siterisk-$(date +%F).tar" --json
    """
    from serving.backup.backup import back_up

    settings = load_settings(os.environ, Path.cwd())
    with shown_progress() as progress:
        manifest = back_up(settings, to, progress)
    if as_json:
        result_json({"file": str(to), "bytes": to.stat().st_size, **manifest.in_short()})
        return
    _tell(manifest)
    result(f"已备份 / saved: {to} ({to.stat().st_size / 1e6:,.1f} MB)")


def restore(
    archive: Annotated[
        Path,
        typer.Argument(
            metavar="FROM", help="siterisk backup 写出的文件。 A file that siterisk backup wrote."
        ),
    ],
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Take the place of what is there; files are kept under another name."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Verify the backup from end to end and restore nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """从备份恢复。 Put a backup back, into the places that the settings name.

    Stop the service before. Everything is built beside its place and verified, then renamed into it; a store in
    PostgreSQL is replaced in one transaction. Whatever goes wrong before that leaves all as it was.

    \b
    Examples:
      siterisk restore /backups/siterisk-2026-11-27.tar --check
      siterisk restore /backups/siterisk-2026-11-27.tar
      SITERISK_HOME=/srv/tryout siterisk restore /backups/siterisk-2026-11-27.tar
    """
    from serving.backup.restore import check_backup
    from serving.backup.restore import restore as put_back

    settings = load_settings(os.environ, Path.cwd())
    with shown_progress() as progress:
        if check:
            manifest, aside = check_backup(archive, progress), list[Path]()
        else:
            manifest, aside = put_back(settings, archive, replace=replace, progress=progress)
    if not check and manifest.mlruns != str(settings.mlruns.absolute()):
        say(
            f"提示：MLflow 的数据库仍记录着原路径 {manifest.mlruns}；在用模型不受影响，启用其他候选模型前请重新训练。\n"
            f"Note: MLflow's database still names its files by {manifest.mlruns}; the champion does not need them, a "
            "challenger does: train again before you promote."
        )
    if as_json:
        result_json({"restored": not check, "set_aside": [str(one) for one in aside], **manifest.in_short()})
        return
    _tell(manifest)
    for one in aside:
        result(f"原有内容 / what stood there before: {one}")
    result("备份完整无误 / the backup is whole" if check else "已恢复 / restored")


def _tell(manifest: Manifest) -> None:
    store = manifest.store
    result(f"时间 made at {manifest.made_at} · siterisk {manifest.siterisk_version}")
    result(
        f"记录库 store {store.kind} · 版本 version {store.version} · {sum(store.rows.values()):,} 行 rows · "
        f"文件 files {len(manifest.files)} · 在用模型 champion {manifest.champion or '–'}"
    )
