"""Heads: what is learned, declared in a file and checked against the contracts before any work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, ValidationError

from data_contracts.code_list import code_list
from data_contracts.contract import Column, contracts
from data_contracts.errors import ContractInvalid, NotFound, SourceUnreadable
from training.trees import DEFAULTS

HEADS_FILE = Path(__file__).parent / "heads.yaml"
MONTHS_OF_STEP = {"monthly": 1, "quarterly": 3}

Contender = Literal["scorecard", "borrowing_scorecard", "trees", "boosted_scorecard"]
PLAIN: Contender = "scorecard"
BORROWING: Contender = "borrowing_scorecard"
TREES: Contender = "trees"
BOOSTED: Contender = "boosted_scorecard"

_Failure = tuple[str, str, str]  # where, Chinese, English


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Declared):
    """A column that equals a value, is one of several, or is at least a number or a ranked code.

    A missing value meets no condition. `at_least` on a code compares the ranks of its code list.
    """

    column: str
    equals: StrictBool | StrictInt | StrictFloat | str | None = None
    is_one_of: tuple[str, ...] | None = None
    at_least: StrictBool | StrictInt | StrictFloat | str | None = None


class Conditions(_Declared):
    """Every condition of `all_of` and at least one of `any_of`; an empty list asks for nothing."""

    any_of: tuple[Condition, ...] = ()
    all_of: tuple[Condition, ...] = ()

    def all(self) -> tuple[Condition, ...]:
        """The conditions of both lists."""
        return self.any_of + self.all_of


class Outcome(Conditions):
    """The rows of a contract table that count as the head's outcome."""

    table: str
    date_column: str
    known_from: str | None = None


class Apart(Conditions):
    """A narrower outcome, counted beside the head's own."""

    title_zh: str
    title_en: str


class Cohort(_Declared):
    """Which projects are rows at which dates.

    Without `table`: sites started and not finished at `as_of`, and those delivered within so many
    months. With `table`: projects with a row of it whose `date_column` (default: the day it
    happened) lies in the `within_days` before `as_of`, as far as it was on file then.
    """

    step: Literal["monthly", "quarterly"] = "monthly"
    delivered_within_months: int = Field(default=0, ge=0, le=600)
    table: str | None = None
    within_days: int | None = Field(default=None, ge=1, le=36500)
    date_column: str | None = None


class Head(_Declared):
    """One thing to learn: which outcome, for whom, over which time."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title_zh: str
    title_en: str
    description: str = ""
    outcome: Outcome
    horizon_days: int | None = Field(default=None, ge=1, le=3650)
    given_a_visit: bool = False
    reporting_lag_days: int = Field(ge=0, le=3650)
    cohort: Cohort = Cohort()
    shown_apart: dict[str, Apart] = Field(default_factory=dict)
    trees: dict[str, StrictInt | StrictFloat] = Field(default_factory=dict)
    refit: StrictBool = False
    borrows: str | None = None
    contenders: tuple[Contender, ...] | None = None

    @property
    def models(self) -> tuple[Contender, ...]:
        """The kinds of model that compete, the one that is taken where nothing tells them apart first."""
        if self.contenders is not None:
            return self.contenders
        return (BORROWING, TREES, BOOSTED) if self.borrows else (TREES, BOOSTED)

    @property
    def days_to_complete(self) -> int:
        """Days after `as_of` until a label is complete: the horizon and the reporting lag."""
        return (self.horizon_days or 0) + self.reporting_lag_days

    def last_complete(self, at: pd.Timestamp) -> pd.Timestamp:
        """The latest `as_of` whose label is complete at `at`: its last day and the lag have passed by then.

        A day has passed at its last microsecond, which is also when what is recorded on a bare date is known.
        """
        return at - pd.Timedelta(days=self.days_to_complete + 1) + pd.Timedelta(microseconds=1)

    def definition(self) -> dict[str, Any]:
        """The declaration as plain JSON, as it stands in passports and MLflow."""
        return self.model_dump(mode="json", exclude_none=True)


def load_heads(path: Path | None = None, *, only: list[str] | None = None) -> tuple[Head, ...]:
    """The heads of a file (default: the three of the design), or those named in `only`, in the file's order.

    Raises ContractInvalid with every failure of the file, SourceUnreadable if there is no such file,
    NotFound for a name in `only` that the file does not declare.
    """
    path = Path(path) if path is not None else HEADS_FILE
    heads = tuple(_parse(_read(path), path))
    failures = [failure for head in heads for failure in _contract_failures(head)]
    failures += [failure for head in heads for failure in _borrowing_failures(head, heads)]
    _refuse(path, failures)
    unknown = sorted(set(only or ()) - {head.name for head in heads})
    if unknown:
        names = [head.name for head in heads]
        raise NotFound(
            zh=f"{path.name} 中没有 {'、'.join(unknown)}，可用的有：{'、'.join(names)}。",
            en=f"{path.name} declares no head {', '.join(unknown)}. It declares: {', '.join(names)}.",
            field="head",
        )
    return tuple(head for head in heads if not only or head.name in only)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise SourceUnreadable(
            zh=f"无法读取 {path}：{reason}", en=f"Cannot read {path}: {reason}", field="heads"
        ) from error
    declared = content.get("heads") if isinstance(content, dict) else None
    if not isinstance(declared, dict) or not declared:
        _refuse(
            path,
            [("heads", "应为名称到定义的映射，且不为空", "must map names to declarations, and not be empty")],
        )
    return dict(declared or {})


def _parse(declared: dict[str, Any], path: Path) -> Iterator[Head]:
    heads, failures = [], []
    for name, content in declared.items():
        if not isinstance(content, dict):
            failures.append((f"heads.{name}", "应为映射", "must be a mapping"))
            continue
        try:
            heads.append(Head.model_validate({**content, "name": str(name)}))
        except ValidationError as error:
            failures.extend(_in_words(f"heads.{name}", error))
    _refuse(path, failures)
    return iter(heads)


def _in_words(where: str, error: ValidationError) -> Iterator[_Failure]:
    for detail in error.errors(include_url=False):
        place = ".".join([where, *map(str, detail["loc"])])
        if detail["type"] == "missing":
            yield place, "缺少此项", "is missing"
        elif detail["type"] == "extra_forbidden":
            yield place, "不认识此项", "is not known here"
        else:
            yield place, f"取值无效：{detail['input']!r}", f"is {detail['input']!r}: {detail['msg']}"


def _contract_failures(head: Head) -> Iterator[_Failure]:
    """Where the declaration asks for what the contracts do not have."""
    where = f"heads.{head.name}"
    if (head.horizon_days is None) == (not head.given_a_visit):
        yield (
            where,
            "应且只应有 horizon_days 或 given_a_visit 之一",
            "takes horizon_days or given_a_visit, one of them",
        )
    if head.given_a_visit and head.outcome.table != "inspections":
        yield (
            f"{where}.outcome.table",
            "given_a_visit 须用 inspections",
            "must be inspections with given_a_visit",
        )
    for name in sorted(set(head.trees) - set(DEFAULTS)):
        yield f"{where}.trees.{name}", "不是可设的参数", f"cannot be set; these can: {', '.join(DEFAULTS)}"
    yield from _outcome_failures(f"{where}.outcome", head.outcome)
    yield from _cohort_failures(f"{where}.cohort", head.cohort)
    for name, apart in head.shown_apart.items():
        yield from _conditions_failures(f"{where}.shown_apart.{name}", head.outcome.table, apart)


def _borrowing_failures(head: Head, heads: tuple[Head, ...]) -> Iterator[_Failure]:
    """Where a head borrows from none, from itself, or from one that borrows; or competes without what it needs."""
    where = f"heads.{head.name}"
    lenders = [other.name for other in heads if other.borrows is None and other.name != head.name]
    if head.borrows is not None and head.borrows not in lenders:
        yield (
            f"{where}.borrows",
            f"应为另一个不借用的目标：{'、'.join(lenders)}",
            f"must be another head that does not borrow: {', '.join(lenders)}",
        )
    if head.borrows is None and BORROWING in (head.contenders or ()):
        yield (
            f"{where}.contenders",
            "borrowing_scorecard 须有 borrows",
            "takes borrowing_scorecard only with borrows",
        )
    if head.contenders is not None and len(set(head.contenders)) != len(head.contenders or ()):
        yield f"{where}.contenders", "有重复", "names one twice"
    if head.contenders == ():
        yield f"{where}.contenders", "不能为空", "must not be empty"


def _outcome_failures(where: str, outcome: Outcome) -> Iterator[_Failure]:
    if _column(outcome.table, "project_id") is None:
        yield (
            f"{where}.table",
            f"没有含 project_id 的表 {outcome.table}",
            f"no table {outcome.table} with project_id",
        )
        return
    yield from _date_failures(f"{where}.date_column", outcome.table, outcome.date_column)
    yield from _date_failures(f"{where}.known_from", outcome.table, outcome.known_from)
    yield from _conditions_failures(where, outcome.table, outcome)


def _cohort_failures(where: str, cohort: Cohort) -> Iterator[_Failure]:
    if cohort.table is None:
        if cohort.within_days is not None or cohort.date_column is not None:
            yield (
                where,
                "within_days 和 date_column 须与 table 同用",
                "takes within_days and date_column only with table",
            )
        return
    if _column(cohort.table, "project_id") is None:
        yield (
            f"{where}.table",
            f"没有含 project_id 的表 {cohort.table}",
            f"no table {cohort.table} with project_id",
        )
        return
    if cohort.within_days is None or cohort.delivered_within_months:
        yield (
            where,
            "有 table 时须给 within_days，不用 delivered_within_months",
            "with table takes within_days alone",
        )
    yield from _date_failures(f"{where}.date_column", cohort.table, cohort.date_column)


def _date_failures(where: str, table: str, name: str | None) -> Iterator[_Failure]:
    if name is None:
        return
    column = _column(table, name)
    if column is None or column.kind not in ("date", "moment"):
        yield where, f"{name} 不是表 {table} 的日期字段", f"{name} is not a date of table {table}"


def _conditions_failures(where: str, table: str, conditions: Conditions) -> Iterator[_Failure]:
    for condition in conditions.all():
        place = f"{where}.{condition.column}"
        column = _column(table, condition.column)
        tests = {"equals": condition.equals, "is_one_of": condition.is_one_of, "at_least": condition.at_least}
        given = {test: value for test, value in tests.items() if value is not None}
        if column is None:
            yield place, f"表 {table} 没有此字段", f"is not a column of table {table}"
        elif len(given) != 1:
            yield place, f"应且只应有 {'、'.join(tests)} 之一", f"takes one of {', '.join(tests)}"
        else:
            yield from _value_failures(place, column, *next(iter(given.items())))


def _value_failures(where: str, column: Column, test: str, value: Any) -> Iterator[_Failure]:
    kind = column.kind
    values = list(value) if isinstance(value, tuple) else [value]
    wanted: dict[str, type | tuple[type, ...]] = {
        "boolean": bool,
        "integer": (int, float),
        "number": (int, float),
        "code": str,
        "text": str,
    }
    fits = kind in wanted and all(isinstance(each, wanted[kind]) for each in values)
    if kind in ("integer", "number") and any(isinstance(each, bool) for each in values):
        fits = False
    if test == "at_least" and kind not in ("integer", "number", "code"):
        fits = False
    if not fits:
        yield (
            where,
            f"{test}: {value!r} 与字段类型 {kind} 不符",
            f"{test}: {value!r} does not fit a column of kind {kind}",
        )
    elif kind == "code" and column.code_list:
        codes = code_list(column.code_list)
        for each in values:
            if each not in codes.codes:
                yield where, f"代码表 {codes.name} 中没有 {each}", f"{each} is not in code list {codes.name}"
            elif test == "at_least" and codes.codes[each].extra.get("rank") is None:
                yield where, f"{each} 没有等级，不能比较", f"{each} has no rank to compare"


def _column(table: str, name: str) -> Column | None:
    declared = contracts().get(table)
    return next((column for column in declared.columns if column.name == name), None) if declared else None


def _refuse(path: Path, failures: list[_Failure]) -> None:
    if failures:
        raise ContractInvalid(
            zh=f"{path.name} 有误：" + "；".join(f"{where} {zh}" for where, zh, _ in failures) + "。",
            en=f"{path.name} is not valid: " + "; ".join(f"{where} {en}" for where, _, en in failures) + ".",
            field="heads",
        )
