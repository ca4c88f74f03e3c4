"""Records in somebody else's database, whose tables or views have the names of the contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from data_contracts.cell_texts import cell_text
from data_contracts.errors import InvalidInput, SourceUnreadable
from data_contracts.grade_tables import GRADE_TABLES
from data_contracts.row_chunks import RowChunk, chunks_of_rows
from data_contracts.store_tables import BOOKKEEPING, META_TABLE


@dataclass(frozen=True)
class DatabaseTable:
    """One table or view; rows are numbered from 1 in the order in which the database gives them."""

    engine: sa.Engine
    contract: str
    name: str
    columns: tuple[str, ...]
    newest_only: bool

    def chunks(self, columns: Sequence[str], chunk_rows: int) -> Iterator[RowChunk]:
        """The rows as texts, streamed; `columns` are the names under which the table's columns are known."""
        yield from chunks_of_rows(columns, self._rows(), chunk_rows=chunk_rows)

    def _rows(self) -> Iterator[tuple[int, list[str | None]]]:
        names = [*self.columns, *(BOOKKEEPING if self.newest_only else ())]
        table = sa.table(self.name, *(sa.column(name) for name in names))
        chosen = sa.select(*(table.c[name] for name in self.columns))
        if self.newest_only:
            chosen = chosen.where(_is_newest(table))
        with _source_errors(self.engine), self.engine.connect() as connection:
            rows = connection.execution_options(yield_per=10_000).execute(chosen)
            for number, row in enumerate(rows, start=1):
                yield number, [cell_text(value) for value in row]


def database_tables(
    url: str, table_named: Callable[[str], str | None]
) -> tuple[str, list[DatabaseTable], list[str]]:
    """The database's name without password, its tables with records, and the names of its other tables.

    A record store of siterisk may be a source too: of each version it gives what it now holds to be true.
    Raises SourceUnreadable for a database that cannot be reached or has no table named after a contract.
    """
    engine = _engine(url)
    name = engine.url.render_as_string(hide_password=True)
    with _source_errors(engine):
        inspector = sa.inspect(engine)
        is_store = inspector.has_table(META_TABLE)
        own = {META_TABLE, "store_versions", "quarantine", *GRADE_TABLES} if is_store else set()
        tables, unknown = [], []
        for table in sorted({*inspector.get_table_names(), *inspector.get_view_names()} - own):
            meant = table_named(table)
            if meant is None:
                unknown.append(table)
                continue
            columns = tuple(c["name"] for c in inspector.get_columns(table))
            columns = tuple(c for c in columns if not (is_store and c in BOOKKEEPING))
            tables.append(DatabaseTable(engine, meant, table, columns, newest_only=is_store))
    if not tables:
        raise SourceUnreadable(
            zh=f"数据库 {name} 中没有以数据表命名的表或视图，例如 projects。",
            en=f"The database {name} has no table or view named after a contract table, such as projects.",
        )
    return name, tables, unknown


def _is_newest(table: sa.TableClause) -> sa.ColumnElement[bool]:
    newer = table.alias("newer")
    same = sa.and_(newer.c.record_key == table.c.record_key, newer.c.recorded_at == table.c.recorded_at)
    return ~sa.exists(sa.select(1).where(same, newer.c.store_version > table.c.store_version))


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
            raise SourceUnreadable(
                zh=f"数据库文件不存在：{parsed.database}", en=f"There is no database file {parsed.database}."
            )
        return sa.create_engine(parsed)
    except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise SourceUnreadable(
            zh=f"缺少该数据库的驱动程序：{error}",
            en=f"The driver for this database is not installed: {error}",
        ) from error
    except exc.ArgumentError as error:
        raise InvalidInput(zh="无法识别的数据库地址。", en="Not a database address.") from error


@contextmanager
def _source_errors(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        reason = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
        name = engine.url.render_as_string(hide_password=True)
        raise SourceUnreadable(
            zh=f"无法读取数据库 {name}：{reason}", en=f"The database {name} cannot be read: {reason}"
        ) from error


def is_store(url: str) -> bool:
    """Whether `url` names a record store of siterisk; raises SourceUnreadable if it cannot be reached."""
    engine = _engine(url)
    with _source_errors(engine):
        return sa.inspect(engine).has_table(META_TABLE)
