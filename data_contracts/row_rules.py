"""Rules over the columns of one row, each a mask of the rows that break it.

A rule is declared in the `quality` list of its table's contract: which kind, over which columns, with
which numbers, and in what words it speaks. A row that lacks a value the rule needs does not break it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from data_contracts.code_list import code_list
from data_contracts.contract import TableRule
from data_contracts.credit_code import credit_code_fault
from data_contracts.errors import ContractInvalid


def breaks_rule(rule: TableRule, rows: pd.DataFrame) -> np.ndarray:
    """Which of the typed rows break `rule`; raises ContractInvalid for a kind nobody wrote."""
    if rule.kind not in RULE_KINDS:
        raise ContractInvalid(
            zh=f"规则 {rule.code} 的类型 {rule.kind} 不存在。",
            en=f"Rule {rule.code} is of the kind {rule.kind}, which does not exist.",
        )
    return RULE_KINDS[rule.kind](rule, rows).fillna(False).to_numpy(dtype=bool)


def blamed_column(rule: TableRule) -> str:
    """The column a report points at: the later of two times, otherwise the rule's first column."""
    return rule.columns[-1] if rule.kind == "not_before" else rule.columns[0]


def at_least_one(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """None of the columns has a value."""
    return rows[list(rule.columns)].isna().all(axis=1)


def requires(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """The first column has a value and the second, which it needs, has none."""
    value, needed = rule.columns
    return rows[value].notna() & rows[needed].isna()


def not_before(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """The second time lies before the first. A day counts from its 00:00."""
    early, late = rule.columns
    return rows[late] < rows[early]


def not_more_than(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """The first number is more than `tolerance` (default 1) times the second."""
    part, whole = rule.columns
    return rows[part] > rows[whole] * rule.options.get("tolerance", 1)


def different(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """Both columns say the same."""
    first, second = rule.columns
    return rows[first] == rows[second]


def pattern(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """The text is not written in the form `pattern`."""
    texts = rows[rule.columns[0]]
    return texts.notna() & ~texts.str.fullmatch(rule.options["pattern"], na=True).astype(bool)


def credit_code(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """A text of eighteen characters fails the check of GB 32100. Other ids of the source are not judged."""
    texts = rows[rule.columns[0]]
    faulty = {code for code in texts.dropna().unique() if len(code) == 18 and credit_code_fault(code)}
    return texts.isin(faulty)


def ratio_between(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """First times `factor` over second lies outside `minimum` to `maximum`; zero and seconds under `from` pass.

    Where there is no second, the first at or above `alone_above` breaks the rule.
    """
    top, bottom = (rows[column] for column in rule.columns)
    judged = (top > 0) & (bottom >= rule.options["from"])
    ratio = top.where(judged) * rule.options["factor"] / bottom.where(judged)
    alone = bottom.isna() & (top >= rule.options["alone_above"])
    return alone | judged & ~ratio.between(rule.options["minimum"], rule.options["maximum"])


def too_large(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """The number is at or above `from`."""
    return rows[rule.columns[0]] >= rule.options["from"]


def too_small(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """The first number is positive and under `below` where the second is at least `when_at_least`.

    Where there is no second, the first under `alone_below` breaks the rule.
    """
    number, other = (rows[column] for column in rule.columns)
    beside = (number < rule.options["below"]) & (other >= rule.options["when_at_least"])
    return (number > 0) & (beside | other.isna() & (number < rule.options["alone_below"]))


def overscale_denied(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """The source says not over-scale, but the parameter is at or above the threshold of the code list.

    Works whose threshold holds under a condition only (`condition` in the list) are not judged.
    """
    code, kind, value, is_overscale = (rows[column] for column in rule.columns)
    denied = ~is_overscale.fillna(True).astype(bool) & value.notna()
    broken = pd.Series(False, index=rows.index)
    for work in code_list(rule.options["code_list"]).codes.values():
        for threshold in () if "condition" in work.extra else work.extra.get("thresholds", ()):
            if threshold["overscale_from"] is not None:
                over = (kind == threshold["parameter"]) & (value >= threshold["overscale_from"])
                broken |= denied & (code == work.code) & over
    return broken


def other_edition(rule: TableRule, rows: pd.DataFrame) -> pd.Series:
    """The code belongs to another edition of its list than the row says."""
    code, edition = (rows[column] for column in rule.columns)
    listed = code_list(rule.options["code_list"]).codes
    edition_of_code = code.map({one.code: one.extra["code_version"] for one in listed.values()})
    return edition_of_code.notna() & edition.notna() & (edition_of_code != edition)


RULE_KINDS: dict[str, Callable[[TableRule, pd.DataFrame], pd.Series]] = {
    kind.__name__: kind
    for kind in (
        at_least_one,
        requires,
        not_before,
        not_more_than,
        different,
        pattern,
        credit_code,
        ratio_between,
        too_large,
        too_small,
        overscale_denied,
        other_edition,
    )
}
