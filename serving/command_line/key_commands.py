"""`siterisk key add`, `list` and `revoke`."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.access.keys import AccessKey, Role
from serving.command_line.terminal import result, result_json, say, table
from serving.settings import load_settings

if TYPE_CHECKING:
    from data_contracts.record_store import RecordStore

CALLS_PER_SECOND = 100.0
HEADER = (
    *("编号 id", "名称 name", "角色 role", "区 districts", "机构 agencies", "次/秒 rate"),
    *("创建 created", "失效 expires", "状态 state"),
)
ABOUT = """API 密钥：发放、查看、吊销。 Keys of the scoring service: give out, list, revoke.

Nothing but health answers without a key. Of a key's secret only a hash is stored.

\b
Examples:
  siterisk key add --name "Pudong supervision system" --role score --districts 310115
  siterisk key list
  siterisk key revoke 3f9c0a1b
"""

DbOption = Annotated[
    str | None, typer.Option("--db", metavar="URL", help="Record store; the installation's own unless told.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def key_group() -> typer.Typer:
    """The three commands about keys."""
    group = typer.Typer(name="key", help=ABOUT, no_args_is_help=True, rich_markup_mode=None)
    for name, command in (("add", add), ("list", list_keys), ("revoke", revoke)):
        group.command(name)(command)
    return group


def add(
    *,
    name: Annotated[str, typer.Option(help="Whose key it is: the system or department, not a person.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = "score",
    districts: Annotated[
        str, typer.Option(metavar="CODES", help="District codes, comma between; 310000 is the whole city.")
    ] = "",
    agencies: Annotated[str, typer.Option(metavar="CODES", help="Agency codes, comma between.")] = "",
    expires: Annotated[
        str | None, typer.Option(metavar="DATE", help="Good until 00:00 of that day; for good unless told.")
    ] = None,
    rate: Annotated[
        float, typer.Option(help="Calls a second that each worker takes from it.", min=0.01, max=100_000)
    ] = CALLS_PER_SECOND,
    db: DbOption = None,
    as_json: JsonOption = False,
) -> None:
    """发放一个密钥，仅显示一次。 Give out a key; it is shown once.

    It reaches projects of its districts and projects of its agencies; at least one must be given.

    \b
    Examples:
      siterisk key add --name "Pudong supervision system" --districts 310115 --expires 2027-01-01
      siterisk key add --name "City station" --role manage --agencies CITY --rate 20
      siterisk key add --name "Data warehouse" --role report --districts 310000 --json
    """
    from data_contracts.moments import as_of_moment, now
    from serving.access.key_store import add_key

    with _store(db) as store:
        key, token = add_key(
            store,
            name=name,
            role=role,
            districts=codes_in(districts),
            agencies=codes_in(agencies),
            calls_per_second=rate,
            at=now().to_pydatetime(),
            expires_at=None if expires is None else as_of_moment(expires).to_pydatetime(),
        )
    if as_json:
        result_json(_told(key) | {"key": token})
        return
    say(
        f"密钥 {key.key_id} 已生成；下面这一行只显示这一次，请妥善保存。\n"
        f"Key {key.key_id} is made. The line below is shown this once; keep it safe."
    )
    result(token)


def list_keys(*, db: DbOption = None, as_json: JsonOption = False) -> None:
    """列出全部密钥（不含密钥本身）。 List all keys, without their secrets.

    \b
    Examples:
      siterisk key list
      siterisk key list --json
    """
    from serving.access.key_store import all_keys

    with _store(db) as store:
        keys = [_told(key) for key in all_keys(store)]
    if as_json:
        result_json(keys)
        return
    rows = [tuple(",".join(v) if isinstance(v, list) else v for v in _shown(key)) for key in keys]
    result(table(rows, HEADER))


def revoke(
    *,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `key list` shows it.")],
    db: DbOption = None,
    as_json: JsonOption = False,
) -> None:
    """吊销密钥，一秒内生效，不可恢复。 Revoke a key: within a second, and for good.

    \b
    Example:
      siterisk key revoke 3f9c0a1b
    """
    from data_contracts.moments import now
    from serving.access.key_store import revoke_key

    with _store(db) as store:
        key = revoke_key(store, key_id, now().to_pydatetime())
    if as_json:
        result_json(_told(key))
        return
    result(f"已吊销 / revoked: {key.key_id} {key.name} ({key.revoked_at:%Y-%m-%d %H:%M:%S})")


def _store(db: str | None) -> RecordStore:
    """The store of the keys. A new installation may give out keys before it has any record."""
    from data_contracts.record_store import RecordStore

    return RecordStore.open(db or load_settings(os.environ, Path.cwd()).store_url)


def codes_in(given: str) -> list[str]:
    """The codes that an option names, with a comma between."""
    return [code.strip() for code in given.replace("，", ",").split(",") if code.strip()]


def _told(key: AccessKey) -> dict[str, Any]:
    from data_contracts.moments import now

    return {
        "key_id": key.key_id,
        "name": key.name,
        "role": key.role,
        "districts": sorted(key.districts),
        "agencies": sorted(key.agencies),
        "calls_per_second": key.calls_per_second,
        "created_at": _time(key.created_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
        "state": key.state(now().to_pydatetime()),
    }


def _shown(key: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in key.items() if name != "revoked_at")


def _time(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
