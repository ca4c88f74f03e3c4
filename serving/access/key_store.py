"""Keys in the record store: given out, listed, revoked. Nothing there is ever changed or deleted."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection

import sqlalchemy as sa

from data_contracts.code_list import code_list
from data_contracts.errors import InvalidInput, NotFound
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import connected, reading, writing
from data_contracts.store_tables import store_table
from serving.access.keys import AccessKey, Role, digest_of, new_token

CODES_TOLD = 40


def add_key(
    store: RecordStore,
    *,
    name: str,
    role: Role,
    districts: Collection[str],
    agencies: Collection[str],
    calls_per_second: float,
    at: dt.datetime,
    expires_at: dt.datetime | None = None,
) -> tuple[AccessKey, str]:
    """A new key and its token, which is told here and never again.

    Raises InvalidInput for a code that is in no list and on no project, for a key that reaches nothing, and
    for one that has expired already.
    """
    if not name.strip():
        raise InvalidInput(zh="密钥名称不能为空。", en="A key needs a name.", field="name")
    if not districts and not agencies:
        raise InvalidInput(
            zh="密钥须有管辖范围：用 --districts 或 --agencies 给出代码，全市为 --districts 310000。",
            en="A key needs a scope: name --districts or --agencies; the whole city is --districts 310000.",
            field="districts",
        )
    if expires_at is not None and expires_at <= at:
        raise InvalidInput(
            zh=f"失效时间 {expires_at} 已过，请给出将来的日期。",
            en=f"The key would have expired on {expires_at}; give a day ahead.",
            field="expires",
        )
    _require_known(store, "agencies", "agency_code", agencies)
    key_id, token = new_token()
    scope = (districts_in_force(store, districts), frozenset(agencies), calls_per_second)
    key = AccessKey(key_id, name.strip(), digest_of(token), role, *scope, at, expires_at)
    with connected(store.engine) as connection, writing(connection):
        connection.execute(store_table("access_keys").insert().values(**_row(key)))
    return key, token


def districts_in_force(store: RecordStore, codes: Collection[str]) -> frozenset[str]:
    """The districts of some codes, retired ones replaced by their successors; InvalidInput for a code that is none."""
    _require_known(store, "districts", "region_code", codes)
    return frozenset(map(code_list("districts").current, codes))


def all_keys(store: RecordStore) -> list[AccessKey]:
    """Every key ever given out, oldest first."""
    keys, revoked = store_table("access_keys"), store_table("access_revocations")
    chosen = (
        sa.select(keys, revoked.c.revoked_at).outerjoin(revoked).order_by(keys.c.created_at, keys.c.key_id)
    )
    with reading(store.engine) as connection:
        return [_key(row) for row in connection.execute(chosen)]


def revoke_key(store: RecordStore, key_id: str, at: dt.datetime) -> AccessKey:
    """The key, revoked for good; one that was revoked before stays as it was. NotFound for an unknown id."""
    revocations = store_table("access_revocations")
    with connected(store.engine) as connection, writing(connection):
        known = connection.scalar(
            sa.select(sa.func.count()).where(store_table("access_keys").c.key_id == key_id)
        )
        before = connection.scalar(sa.select(sa.func.count()).where(revocations.c.key_id == key_id))
        if known and not before:
            connection.execute(revocations.insert().values(key_id=key_id, revoked_at=at))
    for key in all_keys(store):
        if key.key_id == key_id:
            return key
    raise NotFound(
        zh=f"没有编号为 {key_id[:40]} 的密钥，可用 siterisk key list 查看。",
        en=f"There is no key {key_id[:40]}; siterisk key list shows all.",
        field="key_id",
    )


def _require_known(store: RecordStore, list_name: str, column: str, codes: Collection[str]) -> None:
    """Refuse a code that neither the list nor any project on file has: it would be a slip of the pen."""
    known = set(code_list(list_name).codes)
    if missing := set(codes) - known:
        on_file = sa.select(store_table("projects").c[column]).distinct()
        with reading(store.engine) as connection:
            missing -= set(connection.scalars(on_file))
    if missing:
        wrong, listed = ", ".join(sorted(missing)), ", ".join(sorted(known)[:CODES_TOLD])
        raise InvalidInput(
            zh=f"代码表和在册项目中都没有 {wrong}。可用的代码：{listed}。",
            en=f"Neither the code list nor any project has {wrong}. Codes are: {listed}.",
            field=list_name,
        )


def _row(key: AccessKey) -> dict[str, object]:
    kept = {name: value for name, value in vars(key).items() if name != "revoked_at"}
    return kept | {name: json.dumps(sorted(kept[name])) for name in ("districts", "agencies")}


def _key(row: sa.Row) -> AccessKey:
    given = dict(row._mapping)
    return AccessKey(
        **given | {name: frozenset(json.loads(given[name])) for name in ("districts", "agencies")}
    )
