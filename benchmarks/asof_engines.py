"""The same question asked of six engines: how many events of an entity were known, by window, at each moment.

An event counts at `as_of` if it was recorded at or before `as_of` and happened less than the window before.
Each engine has a function that puts the data into its own native form, outside the clock, and one that
answers from it, index building included.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DAY = 86_400_000_000
WINDOWS = (30, 90, 365)
CHUNK_PAIRS = 20_000_000


@dataclass(frozen=True)
class Question:
    """Events and rows as arrays: entity numbers below `entities`, moments in microseconds."""

    entities: int
    event_entity: np.ndarray
    happened: np.ndarray
    recorded: np.ndarray
    row_entity: np.ndarray
    as_of: np.ndarray


@dataclass(frozen=True)
class Engine:
    """`prepare` hands the data over, `answer` returns counts of shape (windows, rows)."""

    name: str
    prepare: Callable[[Question], Any]
    answer: Callable[[Any], np.ndarray]
    pairs: bool  # makes every pair of a row and an event of its entity: quadratic on large entities


def as_arrays(question: Question) -> Question:
    return question


def siterisk(question: Question) -> np.ndarray:
    """The engine behind the features: the same curves and the same compiled look-up."""
    from features.curve_pool import CurvePool, look_up
    from features.sorting import NEVER, order_by_entity
    from features.step_functions import Spans

    start = (
        question.recorded
    )  # here, as in the other engines' queries, nothing is recorded before it happened
    never, one = np.broadcast_to(NEVER, start.shape), np.broadcast_to(1, start.shape)
    spans = Spans(start, question.event_entity, start, never)
    pool, windows = CurvePool(), [days * DAY for days in WINDOWS]
    terms = pool.windows(spans, question.happened, one, windows, question.entities)
    pools = pool.joined()
    order, as_of, offsets = order_by_entity(question.row_entity, question.as_of, question.entities)
    entities = np.repeat(np.arange(question.entities), np.diff(offsets))
    return look_up([terms[window] for window in windows], pools, entities, as_of, order).T


def duckdb_tables(question: Question) -> Any:
    import duckdb
    import pyarrow as pa

    base = duckdb.connect()
    base.execute("SET preserve_insertion_order = false")
    events = pa.table(
        {"entity": question.event_entity, "happened": question.happened, "recorded": question.recorded}
    )
    rows = pa.table(
        {
            "place": np.arange(len(question.as_of)),
            "entity": question.row_entity,
            "as_of": question.as_of,
        }
    )
    for name, table in (("events", events), ("asked", rows)):
        base.register("given", table)
        base.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        base.unregister("given")
    return base


def duckdb_range_join(base: Any) -> np.ndarray:
    counts = ", ".join(f"count(*) FILTER (happened > as_of - {days * DAY})" for days in WINDOWS)
    found = base.execute(
        f"""SELECT place, {counts} FROM asked JOIN events
            ON asked.entity = events.entity AND recorded <= as_of AND happened > as_of - {WINDOWS[-1] * DAY}
            GROUP BY place"""
    ).fetchnumpy()
    return _placed(base, found)


def duckdb_asof_join(base: Any) -> np.ndarray:
    """Running sums of starts and ends, of all windows in one table, and one ASOF join."""
    starts = ", ".join(f"(happened + {days * DAY} > recorded)::INT AS n{days}" for days in WINDOWS)
    ends = " ".join(
        f"""UNION ALL SELECT entity, happened + {days * DAY},
            {", ".join("-1" if days == other else "0" for other in WINDOWS)}
            FROM events WHERE happened + {days * DAY} > recorded"""
        for days in WINDOWS
    )
    sums = ", ".join(f"sum(n{days}) OVER so_far AS n{days}" for days in WINDOWS)
    added = ", ".join(f"sum(n{days})::INT AS n{days}" for days in WINDOWS)
    found = base.execute(
        f"""WITH changes AS (SELECT entity, recorded AS moment, {starts} FROM events {ends}),
            added AS (SELECT entity, moment, {added} FROM changes GROUP BY entity, moment),
            sums AS (SELECT entity, moment, {sums} FROM added
                     WINDOW so_far AS (PARTITION BY entity ORDER BY moment ROWS UNBOUNDED PRECEDING))
            SELECT place, {", ".join(f"n{days}" for days in WINDOWS)}
            FROM asked ASOF JOIN sums ON asked.entity = sums.entity AND as_of >= moment"""
    ).fetchnumpy()
    return _placed(base, found)


def duckdb_asof_joins(base: Any) -> np.ndarray:
    """Numbers of starts and of ends so far, an ASOF join for each."""
    kept = " ".join(
        f"""ASOF LEFT JOIN (
                SELECT entity, happened + {days * DAY} AS gone,
                       count(*) OVER (PARTITION BY entity ORDER BY happened) AS ends FROM events
                WHERE happened + {days * DAY} > recorded) e{days}
            ON asked.entity = e{days}.entity AND as_of >= e{days}.gone
            ASOF LEFT JOIN (
                SELECT entity, recorded,
                       count(*) OVER (PARTITION BY entity ORDER BY recorded) AS starts FROM events
                WHERE happened + {days * DAY} > recorded) s{days}
            ON asked.entity = s{days}.entity AND as_of >= s{days}.recorded"""
        for days in WINDOWS
    )
    counts = ", ".join(f"coalesce(s{d}.starts, 0) - coalesce(e{d}.ends, 0) AS n{d}" for d in WINDOWS)
    return _placed(base, base.execute(f"SELECT place, {counts} FROM asked {kept}").fetchnumpy())


def _placed(base: Any, found: dict[str, np.ndarray]) -> np.ndarray:
    rows = base.execute("SELECT count(*) FROM asked").fetchone()[0]
    place, *columns = (np.asarray(column) for column in found.values())
    counts = np.zeros((len(WINDOWS), rows), np.int64)
    for count, column in zip(counts, columns, strict=True):
        count[place] = column
    return counts


def polars_frames(question: Question) -> Any:
    import polars as pl

    events = pl.DataFrame(
        {"entity": question.event_entity, "happened": question.happened, "recorded": question.recorded}
    )
    rows = pl.DataFrame(
        {"place": np.arange(len(question.as_of)), "entity": question.row_entity, "as_of": question.as_of}
    )
    return events, rows


def polars_join_and_filter(frames: Any) -> np.ndarray:
    import polars as pl

    events, rows = frames
    found = (
        rows.lazy()
        .join(events.lazy(), on="entity")
        .filter(
            pl.col("recorded") <= pl.col("as_of"),
            pl.col("happened") > pl.col("as_of") - WINDOWS[-1] * DAY,
        )
        .group_by("place")
        .agg((pl.col("happened") > pl.col("as_of") - days * DAY).sum().alias(f"n{days}") for days in WINDOWS)
        .collect(engine="streaming")
    )
    counts = np.zeros((len(WINDOWS), len(rows)), np.int64)
    for count, days in zip(counts, WINDOWS, strict=True):
        count[found["place"].to_numpy()] = found[f"n{days}"].to_numpy()
    return counts


def polars_join_asof(frames: Any) -> np.ndarray:
    """Running sums per window; as every event ends, an entity's changes add up to 0 and one sum does for all."""
    import polars as pl

    events, rows = frames
    asked = rows.lazy().sort("entity", "as_of")
    counts = np.zeros((len(WINDOWS), len(rows)), np.int64)
    for count, days in zip(counts, WINDOWS, strict=True):
        known = events.lazy().filter(pl.col("happened") + days * DAY > pl.col("recorded"))
        starts = known.select("entity", moment="recorded", change=pl.lit(1, pl.Int32))
        ends = known.select("entity", moment=pl.col("happened") + days * DAY, change=pl.lit(-1, pl.Int32))
        sums = pl.concat([starts, ends]).sort("entity", "moment").with_columns(pl.col("change").cum_sum())
        found = (
            asked.join_asof(sums, left_on="as_of", right_on="moment", by="entity", check_sortedness=False)
            .select("place", pl.col("change").fill_null(0))
            .collect()
        )
        count[found["place"].to_numpy()] = found["change"].to_numpy()
    return counts


def pandas_frames(question: Question) -> Any:
    import pandas as pd

    events = pd.DataFrame(
        {"entity": question.event_entity, "happened": question.happened, "recorded": question.recorded}
    )
    rows = pd.DataFrame({"entity": question.row_entity, "as_of": question.as_of})
    return events, rows


def pandas_merge(frames: Any) -> np.ndarray:
    """Merged in chunks of rows sorted by entity, each with at most so many pairs."""
    events, rows = frames
    events, rows = events.sort_values("entity"), rows.sort_values("entity")
    entity = events["entity"].to_numpy()
    first = np.searchsorted(entity, rows["entity"], "left")
    last = np.searchsorted(entity, rows["entity"], "right")
    chunk = np.cumsum(last - first) // CHUNK_PAIRS
    counts = np.zeros((len(WINDOWS), len(rows)), np.int64)
    bounds = [0, *np.flatnonzero(np.diff(chunk)) + 1, len(rows)]
    for low, high in itertools.pairwise(bounds):
        some = rows.iloc[low:high].reset_index(names="place")
        pairs = some.merge(events.iloc[first[low] : last[high - 1]], on="entity")
        pairs = pairs[pairs["recorded"] <= pairs["as_of"]]
        for window, days in enumerate(WINDOWS):
            within = pairs.loc[pairs["happened"] > pairs["as_of"] - days * DAY, "place"]
            counts[window] += np.bincount(within, minlength=len(rows))
    return counts


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("siterisk", as_arrays, siterisk, pairs=False),
        Engine("duckdb range join", duckdb_tables, duckdb_range_join, pairs=True),
        Engine("duckdb ASOF join", duckdb_tables, duckdb_asof_join, pairs=False),
        Engine("duckdb ASOF joins", duckdb_tables, duckdb_asof_joins, pairs=False),
        Engine("polars join and filter", polars_frames, polars_join_and_filter, pairs=True),
        Engine("polars join_asof", polars_frames, polars_join_asof, pairs=False),
        Engine("pandas merge", pandas_frames, pandas_merge, pairs=True),
    )
}
