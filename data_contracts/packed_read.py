"""Many rows out of a SQL table without an object for each cell: the database joins a whole column into one text.

The query answers with one row, a text a column, which Arrow takes apart again. All of that happens outside
Python's lock, so that threads read side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from data_contracts.bulk_read import arrow_rows, arrow_schema
from data_contracts.contract import TableContract

_CELL_END, _MISSING = "\x1f", "\x1e"
_PARTS_OF_ONE = float(2**53)

Cells = sa.ColumnElement[Any]


class PackedRead:
    """A query of a contract's rows, in no order, to be asked for one span of them after another."""

    def __init__(self, dialect: sa.Dialect, contract: TableContract, chosen: sa.Select) -> None:
        self._contract, self._chosen = contract, chosen
        self._schema = arrow_schema(contract, chosen)
        self._packings = [_packing(dialect, field.type) for field in self._schema]
        rows = chosen.subquery()
        pieces = [
            piece
            for field, packing in zip(self._schema, self._packings, strict=True)
            for piece in packing.pieces(rows.c[field.name])
        ]
        self._packed = sa.select(sa.func.count(), *pieces).select_from(rows)

    def rows(self, connection: sa.Connection, span: dict[str, object]) -> pa.Table:
        """The rows for these parameters; so few that all cells of a column fit into one text.

        Exactly what reading cell by cell gives, and read so where packing cannot: where a text holds one
        of the two control characters that part the cells, or a number is infinite or of more digits than two parts of one tell.
        """
        count, *answers = connection.execute(self._packed, span).one()
        if not count:
            return self._schema.empty_table()
        remaining = iter(answers)
        try:
            columns = [
                packing.unpacked(count, remaining).cast(field.type)
                for field, packing in zip(self._schema, self._packings, strict=True)
            ]
        except _NotPacked:
            return arrow_rows(connection, self._contract, self._chosen.params(span))
        return pa.table(columns, schema=self._schema)


class _NotPacked(Exception):
    """The answer does not say exactly what the cells are."""


class _Packing(NamedTuple):
    """What to ask of the database for one column, and how the answers, next in line, become an array again."""

    pieces: Callable[[Cells], list[Cells]]
    unpacked: Callable[[int, Iterator[Any]], pa.Array]


def _packing(dialect: sa.Dialect, kind: pa.DataType) -> _Packing:
    def joined(cells: Cells) -> Cells:
        if dialect.name == "sqlite":
            return sa.func.group_concat(sa.func.coalesce(cells, _constant(_MISSING)), _constant(_CELL_END))
        texts = sa.func.coalesce(sa.cast(cells, sa.Text), _constant(_MISSING))
        return sa.func.string_agg(texts, _constant(_CELL_END))

    if pa.types.is_large_string(kind):
        return _Packing(lambda cells: [joined(cells), sa.func.count(cells)], _texts)
    if pa.types.is_floating(kind) and dialect.name == "sqlite":
        return _Packing(lambda cells: _in_three(cells, joined), _sums)
    return _Packing(lambda cells: [joined(cells)], _words)


def _constant(text: str) -> Cells:
    """Written into the statement: SQLite copies a parameter for each row, which doubles the time."""
    return sa.literal_column(f"'{text}'", sa.Text)


def _words(count: int, answers: Iterator[Any]) -> pa.Array:
    cells = pc.split_pattern(pa.array([next(answers)], pa.large_string()), _CELL_END).values
    if len(cells) != count:
        raise _NotPacked
    missing = pc.equal(cells, _MISSING)
    return pc.if_else(missing, pa.scalar(None, pa.large_string()), cells) if missing.true_count else cells


def _texts(count: int, answers: Iterator[Any]) -> pa.Array:
    texts = _words(count, answers)
    if texts.null_count != count - next(answers):
        raise _NotPacked
    return texts


def _in_three(cells: Cells, joined: Callable[[Cells], Cells]) -> list[Cells]:
    """SQLite writes a number with 15 digits, which may be another number; as three whole ones it stays the same.

    They count ones, parts of one (2^-53 each) and parts of those. The last answer is how many cells differ
    from their sum: infinite ones, and those with digits beyond 2^-106.
    """
    parts_of_one = sa.literal_column(str(_PARTS_OF_ONE), sa.Double)
    whole = sa.cast(cells, sa.BigInteger)
    rest = (cells - whole) * parts_of_one
    coarse = sa.cast(rest, sa.BigInteger)
    fine = sa.cast((rest - coarse) * parts_of_one, sa.BigInteger)
    differs = cells != whole + (coarse + fine / parts_of_one) / parts_of_one
    return [joined(whole), joined(coarse), joined(fine), sa.func.sum(differs)]


def _sums(count: int, answers: Iterator[Any]) -> pa.Array:
    whole, coarse, fine = (
        _words(count, answers).cast(pa.int64()).cast(pa.float64(), safe=False) for _ in range(3)
    )
    if next(answers):
        raise _NotPacked
    return pc.add(whole, pc.divide(pc.add(coarse, pc.divide(fine, _PARTS_OF_ONE)), _PARTS_OF_ONE))
