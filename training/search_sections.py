"""What a search of parameters came to, in words and as a table, from the passport's entry about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.judging import LEVEL
from training.report_parts import Cell, Said, Table, contender, count, day, figure, percent

FLATTERED = Said(
    "参数由较早的起点选出，所以较早起点的数字略偏乐观；只有最新的一段作评价，它没有参与搜索。",
    "The older origins chose the parameters, so their figures flatter these a little; only the newest origin judges, and it "
    "had no part in the search.",
)
DIGITS_OF_LOSS = 5  # log losses of rare outcomes differ in the fourth


def search_sentences(search: Mapping[str, Any] | None) -> list[Said]:
    """What was searched, what was found and how far it can be believed; nothing where no search was asked for."""
    if not search:
        return []
    if "not_searched" in search:
        why = Said(**search["not_searched"])
        return [Said(f"没有搜索参数：{why.zh}", f"No parameters were searched. {why.en}")]
    return [_found(search), FLATTERED]


def _found(search: Mapping[str, Any]) -> Said:
    kind, minutes = contender(search["kind"]), f"{search['minutes']:g}"
    trials, pruned, known = count(search["trials"]), count(search["pruned"]), day(search["known_at"])
    declared, found = (figure(search[name]["log_loss"], DIGITS_OF_LOSS) for name in ("declared", "found"))
    level = percent(LEVEL - 1)
    taken = (
        Said("采用找到的参数。", "The found ones are taken.")
        if search["is_taken"]
        else Said(
            f"改善不超过 {level}，沿用声明的参数。",
            f"Not better by more than {level}: the declared ones stay.",
        )
    )
    return Said(
        f"参数搜索（各目标共 {minutes} 分钟）：在较早起点上用{kind.zh}试了 {trials} 组，其中 {pruned} 组提前停止，"
        f"只用 {known} 已知的标签。对数损失：声明的 {declared}，找到的 {found}。{taken.zh}",
        f"Parameters were searched ({minutes} minutes for all heads): {trials} trials of {kind.en} on the older origins, "
        f"{pruned} of them broken off, with labels as known on {known}. Log loss: declared {declared}, found {found}. {taken.en}",
    )


def search_tables(search: Mapping[str, Any] | None) -> list[Table]:
    """The declared parameters beside the best that were found."""
    if not search or "not_searched" in search:
        return []
    declared, found = search["declared"]["parameters"], search["found"]["parameters"]
    rows: list[tuple[Cell, ...]] = [(name, f"{declared[name]:g}", f"{found[name]:g}") for name in declared]
    header = (Said("参数", "parameter"), Said("声明的", "declared"), Said("找到的", "found"))
    return [Table(Said("搜索过的参数", "Parameters searched"), header, rows)]
