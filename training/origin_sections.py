"""How a head was split, chosen and checked, and what its model leans on, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.quality_sections import RULES_TO_BEAT, mean_auc
from training.report_parts import (
    Cell,
    Said,
    Section,
    Table,
    contender,
    count,
    day,
    figure,
    percent,
)
from training.search_sections import DIGITS_OF_LOSS, search_sentences, search_tables
from training.split_timeline import split_timeline

STATES: Mapping[str, Said] = {
    "passed": Said("通过", "passed"),
    "failed": Said("未通过", "failed"),
    "not_applicable": Said("不适用", "not applicable"),
}
SEVERITIES: Mapping[str, Said] = {
    "refuses": Said("不予启用", "refuses promotion"),
    "warns": Said("提示", "warns"),
}
MOST_FEATURES = 12


def split_section(head: Mapping[str, Any], key: str) -> Section:
    """Which days served to fit, to calibrate and to test, of every origin, drawn and as a table."""
    splits = named_splits(head)
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            *(_period(dates.get(slice_name)) for slice_name in ("trees", "calibration", "test")),
            day(dates.get("known_at")),
        )
        for name, dates in splits
    ]
    header = (
        Said("起点", "origin"),
        Said("拟合", "fit"),
        Said("校准", "calibration"),
        Said("测试", "test"),
        Said("标签已知至", "labels as known on"),
    )
    said = Said(
        "只按时间划分：先拟合，后校准，最后测试；各段之间空出预测期和报告时滞，任何一行都不会用到它之后才知道的事。"
        "评价的是测试期之前就能训练出的模型；最终保留的模型用同样方法在全部已知数据上重新拟合，其本身未经测试。",
        "Split by time alone: fit, then calibrate, then test, with the horizon and the reporting lag between them, so that no row "
        "uses what was known later. What is judged could have been trained before its test began. The model that is kept is fitted "
        "in the same way on all that is known now, and has itself not been tested.",
    )
    drawn = split_timeline(splits, key)
    return Section(
        Said("数据怎样划分", "How it was split"),
        [said],
        [Table(Said("各段日期", "Dates of each slice"), header, rows)] if rows else [],
        [drawn] if drawn else [],
    )


def named_splits(head: Mapping[str, Any]) -> list[tuple[Said, Mapping[str, Any]]]:
    """Every split of a head with its name: the older origins, the one that judges, the model that is kept."""
    named = [
        (Said(f"较早起点 {place}", f"older origin {place}"), origin.get("dates") or {})
        for place, origin in enumerate(head.get("origins") or [], start=1)
    ]
    for name, said in (("tested", Said("评价", "judged")), ("kept", Said("保留的模型", "model kept"))):
        if dates := (head.get(name) or {}).get("dates"):
            named.append((said, dates))
    return named


def _period(days: Sequence[str] | None) -> Cell:
    return "–" if not days else Said(f"{day(days[0])} 至 {day(days[1])}", f"{day(days[0])} to {day(days[1])}")


def choice_section(head: Mapping[str, Any]) -> Section:
    """How the model was chosen by older origins, and how it fared at each of them."""
    origins = head.get("origins") or []
    chosen = contender(head.get("chosen") or (head.get("metrics") or {}).get("judged") or "–")
    older = [(day(_first_of_test(o)), o.get("figures") or {}) for o in origins]
    newest = (day(_first_of_test(head.get("tested") or {})), head.get("metrics") or {})
    rows: list[tuple[Cell, ...]] = [
        (
            first,
            count(figures.get("rows")),
            count(figures.get("positives")),
            mean_auc(figures, figures.get("judged", "")),
            *(mean_auc(figures, rule) for rule in RULES_TO_BEAT),
            mean_auc(figures, "scorecard"),
        )
        for first, figures in [*older, newest]
    ]
    header = (
        Said("测试自", "test from"),
        Said("行", "rows"),
        Said("发生", "outcomes"),
        Said("受评模型 AUC", "AUC, judged"),
        *(Said(f"{contender(rule).zh} AUC", f"AUC, {contender(rule).en}") for rule in RULES_TO_BEAT),
        Said("评分卡 AUC", "AUC, scorecard"),
    )
    said = Said(
        f"采用：{chosen.zh}。由较早的起点选定，再用最新的一段评价；最新一段不参与选择。",
        f"Chosen: {chosen.en}. It is chosen by the older origins and judged on the newest rows, which have no part in the choice.",
    )
    search = head.get("search")
    tables = [Table(Said("各起点的结果", "Figures of each origin"), header, rows), *_candidates(head)]
    return Section(
        Said("怎样选定模型", "How the model was chosen"),
        [said, *search_sentences(search)],
        [*tables, *search_tables(search)],
    )


def _first_of_test(origin: Mapping[str, Any]) -> str | None:
    return ((origin.get("dates") or {}).get("test") or [None])[0]


def _candidates(head: Mapping[str, Any]) -> list[Table]:
    """The candidates' log loss, by which one is chosen, and AUC on the older origins."""
    rows: list[tuple[Cell, ...]] = [
        (contender(name), figure(figures.get("log_loss"), DIGITS_OF_LOSS), figure(figures.get("auc")))
        for name, figures in (head.get("candidates") or {}).items()
    ]
    header = (Said("候选", "candidate"), Said("对数损失", "log loss"), Said("AUC", "AUC"))
    caption = Said("各候选在较早起点上的结果", "Candidates on the older origins")
    return [Table(caption, header, rows)] if rows else []


def checks_section(head: Mapping[str, Any]) -> Section:
    """Every check with its code: what it came to, why, and what to do."""
    rows: list[tuple[Cell, ...]] = [
        (
            str(check.get("code", "–")),
            Said(check.get("title_zh", "–"), check.get("title_en", "–")),
            STATES.get(check.get("state", ""), Said("–", "–")),
            SEVERITIES.get(check.get("severity", ""), Said("–", "–")),
            Said(check.get("reason_zh") or "–", check.get("reason_en") or "–"),
            "–"
            if check.get("state") == "passed"
            else Said(check.get("cure_zh") or "–", check.get("cure_en") or "–"),
        )
        for check in head.get("checks") or []
    ]
    header = (
        Said("代码", "code"),
        Said("检查", "check"),
        Said("结果", "result"),
        Said("未通过时", "if failed"),
        Said("理由", "reason"),
        Said("处理", "cure"),
    )
    words = frozenset(range(len(header)))
    tables = [Table(Said("自动检查", "Checks"), header, rows, texts=words)] if rows else []
    return Section(Said("检查结果", "Checks"), [_checks_sentence(head.get("checks") or [])], tables)


def _checks_sentence(checks: Sequence[Mapping[str, Any]]) -> Said:
    if not checks:
        return Said("本次训练没有留下检查结果。", "This training left no verdicts.")
    codes = {state: [c["code"] for c in checks if c.get("state") == state] for state in STATES}
    failed = "、".join(codes["failed"]) or "无"
    failed_en = ", ".join(codes["failed"]) or "none"
    return Said(
        f"通过 {len(codes['passed'])} 项；未通过：{failed}；不适用 {len(codes['not_applicable'])} 项（不适用不等于通过）。",
        f"{len(codes['passed'])} passed; failed: {failed_en}; {len(codes['not_applicable'])} not applicable, which is not passed.",
    )


def importance_section(head: Mapping[str, Any], labels: Mapping[str, Said]) -> Section:
    """The features that brought most, as shares of all, and those held still when sites are scored."""
    most = list((head.get("importance") or {}).items())[:MOST_FEATURES]
    rows: list[tuple[Cell, ...]] = [
        (labels.get(name, Said(name, name)), name, percent(share)) for name, share in most
    ]
    header = (Said("特征", "feature"), Said("名称", "name"), Said("占比", "share"))
    held = head.get("held_at") or {}
    said = Said(
        "占比说明模型主要依据什么，不说明原因：改变其中一项并不等于降低风险。",
        "The shares say what the model leans on, not what causes outcomes: to change one of these is not to lower the risk.",
    )
    held_zh = "、".join(f"{labels.get(n, Said(n, n)).zh} = {figure(v)}" for n, v in held.items())
    held_en = ", ".join(f"{labels.get(n, Said(n, n)).en} = {figure(v)}" for n, v in held.items())
    strict = Said(
        f"评分时固定不变，使检查组宽严不影响结果：{held_zh}。",
        f"Held still when sites are scored, so that strict teams do not make risky sites: {held_en}.",
    )
    return Section(
        Said("模型主要依据", "What it leans on"),
        [said, strict] if held else [said],
        [Table(Said("各特征的占比", "Share of each feature"), header, rows, texts=frozenset({0, 1}))]
        if rows
        else [],
    )
