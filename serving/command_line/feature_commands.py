"""`siterisk features`: the matrix, the facts behind a feature's values, or the state of the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.errors import InvalidInput
from serving.command_line.asked_pairs import (
    PAIRS_AT_ONCE,
    AtOption,
    JsonOption,
    OutOption,
    asked_pairs,
    hand_out,
    in_parts,
)
from serving.command_line.given_records import RecordsOption, records_of
from serving.command_line.terminal import say, shown_progress

if TYPE_CHECKING:
    import pandas as pd

    from data_contracts.records import Records
    from features.catalogue import Catalogue
    from features.fact_index import FactIndex
    from serving.documentation import Documentation

# The facts of a pair are found one feature at a time, so progress is told after few pairs.
FACTS_AT_ONCE = 20


def features(
    *,
    at: AtOption,
    records: RecordsOption = None,
    facts: Annotated[
        list[str] | None,
        typer.Option(
            "--facts",
            metavar="NAME",
            help="改为列出该特征的依据记录，可重复。 "
            "Instead, the facts behind this feature's values; may be repeated.",
        ),
    ] = None,
    inputs: Annotated[
        bool,
        typer.Option("--inputs", help="改为列出各表的报送状态。 Instead, the state of each table's records."),
    ] = False,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """计算特征矩阵。 The features of each pair.

    \b
    每对（项目、时点）一行，顺序不变。缺失的特征留空：空不是零。
    Parquet 文件自带各列说明（中英文名称、单位、缺失的含义、如何计算），
    以及特征目录与数据的版本，用 pyarrow.parquet.read_schema 查看。
    --facts  列出特征值所依据的记录，每条一行；缺失或为零的值没有依据记录。
    --inputs 列出各表数据的报送状态；时点上不在册的项目留空：
      PRESENT        已报送
      LATE           逾期未更新
      MISSING        应报未报
      NOT_REQUIRED   无需报送
      NOT_DELIVERED  全市未提供

    One row a pair in the order given. A missing feature stays empty: it is not zero. A Parquet file
    documents its columns (labels, unit, what missing means, how computed) and names the versions of
    catalogue and records: read them with pyarrow.parquet.read_schema.

    With --facts one row for each record that a value rests on; a value that is missing or zero rests on
    none. With --inputs whether each table's records are there: PRESENT; LATE, older than the policy
    allows; MISSING though required; NOT_REQUIRED, none to be expected; NOT_DELIVERED by the city at all.

    \b
    Examples:
      siterisk features --at pairs.csv --out matrix.parquet
      siterisk features --records my_records/ --at pairs.csv --out matrix.csv
      siterisk features --at pairs.csv --facts violations_90d --facts violations_per_visit_365d
      siterisk features --at pairs.csv --inputs --out inputs.csv
      python -c "import pyarrow.parquet as pq; print(pq.read_schema('matrix.parquet'))"
    """
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex

    catalogue = load_catalogue()
    wanted = _wanted(catalogue, list(dict.fromkeys(facts or ())), inputs)
    pairs = asked_pairs(at, out)
    with shown_progress() as progress:
        source = records_of(records, progress)
        documentation = _documentation(catalogue, source, wanted)
        index = FactIndex.build(source, catalogue, progress)
        del source  # its tables are memory that the index no longer needs
        made = in_parts(pairs, partial(wanted.part, index), wanted.step, progress, wanted.at_once)
    hand_out(made, out, as_json, documentation)
    if facts:
        _tell_without_facts(pairs, made, len(set(facts)))


@dataclass(frozen=True)
class _Wanted:
    """The table asked for: how some pairs of it are made, and what is said of its columns."""

    step: str
    part: Callable[[FactIndex, pd.DataFrame], pd.DataFrame]
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    at_once: int = PAIRS_AT_ONCE


def _wanted(catalogue: Catalogue, facts: Sequence[str], inputs: bool) -> _Wanted:
    from features.input_quality import STATES
    from features.reference_page import in_words

    if facts and inputs:
        raise InvalidInput(
            zh="--facts 与 --inputs 得出不同的表，不能同时使用：请分两次运行。",
            en="--facts and --inputs make different tables: run the command once for each.",
            field="inputs",
        )
    if facts:
        catalogue.named(facts)
        return _Wanted("依据记录 / facts", partial(_facts, facts), at_once=FACTS_AT_ONCE)
    if inputs:
        values = {"values": "; ".join(f"{state} {chinese}" for state, chinese in STATES.items())}
        states = [feature for feature in catalogue.features if feature.measure == "input_state"]
        return _Wanted("报送状态 / inputs", _inputs, {str(f.table): in_words(f) | values for f in states})
    columns = {feature.name: in_words(feature) for feature in catalogue.named(catalogue.names)}
    return _Wanted("特征 / features", _matrix, columns)


def _matrix(index: FactIndex, pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.join(index.matrix(pairs["project_id"].tolist(), pairs["as_of"].to_numpy()))


def _inputs(index: FactIndex, pairs: pd.DataFrame) -> pd.DataFrame:
    states = index.input_quality(pairs["project_id"].tolist(), pairs["as_of"].to_numpy())
    return pairs.join(states.astype("str"))


def _facts(names: Sequence[str], index: FactIndex, pairs: pd.DataFrame) -> pd.DataFrame:
    from serving.fact_rows import fact_rows

    return fact_rows(index, names, pairs)


def _documentation(catalogue: Catalogue, source: Records, wanted: _Wanted) -> Documentation:
    """What is said of the columns, the catalogue, and of the records what is known without reading them."""
    from serving.documentation import Documentation

    said = {
        "catalogue_version": catalogue.version,
        "catalogue_hash": catalogue.hash,
        "store_version": str(source.store_version or ""),
        "records_fingerprint": source.fingerprint_at_hand or "",
    }
    return Documentation(wanted.columns, {key: word for key, word in said.items() if word})


def _tell_without_facts(pairs: pd.DataFrame, made: pd.DataFrame, features_asked: int) -> None:
    """How many values have no row, so that an absent one is not taken for a fault."""
    asked = len(pairs.drop_duplicates()) * features_asked
    without = asked - len(made.drop_duplicates(["project_id", "as_of", "feature"]))
    if without:
        say(
            f"{asked} 个特征值中有 {without} 个没有依据记录：缺失、为零或只取决于日历。\n"
            f"{without} of {asked} values rest on no record: missing, zero, or of the calendar alone."
        )
