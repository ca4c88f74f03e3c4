"""The page of a training tells a director first whether the model beats simple rules, and hides nothing after that."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.made_up_passport import (
    interval,
    made_up_head,
    made_up_passport,
    made_up_search,
    made_up_slice,
)
from training import baselines, slice_sections
from training.quality_sections import verdict_against_rules
from training.slice_sections import Slice, failing_section
from training.training_page import head_report, training_page

VOID = {"meta", "input", "line", "rect", "circle", "polyline", "path", "br"}
BEATS = ((0.084, 0.051, 0.117), (0.102, 0.066, 0.14))


class Page(HTMLParser):
    """The tags of a page, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def text_of(page: str) -> str:
    """The words of a page or of a part of it."""
    return unescape(re.sub("<[^>]*>", "", page))


def metrics_with(**changes: Any) -> dict[str, Any]:
    return made_up_head("accident", gains=BEATS)["metrics"] | changes


def test_each_head_begins_with_its_verdict_against_the_simple_rules() -> None:
    report = head_report("accident", made_up_head("accident", gains=BEATS))
    assert report.verdict.state == "passed"
    assert report.verdict.said.zh == (
        "胜过简单规则：与过往违规次数相比，每 100 对工地多排对 8.4 对（95% 区间 +5.1 至 +11.7）；"
        "与风险矩阵相比，每 100 对工地多排对 10.2 对（95% 区间 +6.6 至 +14.0）。"
    )
    page = training_page(made_up_passport())
    heads = re.split(r'<h2 id="head-\w+">', page)[1:]
    assert len(heads) == 3
    for head, said in zip(heads, ("胜过简单规则", "未胜过简单规则，不予启用", "无法判断"), strict=True):
        assert said in head.split("</p>")[0]


@pytest.mark.parametrize(
    ("gains", "state"),
    [
        (BEATS, "passed"),
        (((0.08, 0.05, 0.11), (0.01, -0.02, 0.04)), "failed"),
        (((-0.05, -0.08, -0.02), (0.1, 0.06, 0.14)), "failed"),
        (((0.08, 0.0, 0.16), (0.1, 0.06, 0.14)), "failed"),
        (((0.08, 0.05, 0.11), (None, None, None)), "not_applicable"),
        (((0.01, -0.02, 0.04), (None, None, None)), "failed"),
        (((None, None, None), (None, None, None)), "not_applicable"),
    ],
)
def test_it_passes_only_where_both_intervals_lie_above_zero(gains: Any, state: str) -> None:
    verdict = verdict_against_rules(metrics_with(**made_up_head("accident", gains=gains)["metrics"]))
    assert verdict.state == state
    if gains[0][0] is not None and gains[0][0] < 0:
        assert "少排对 5.0 对" in verdict.said.zh and "5.0 fewer" in verdict.said.en


def test_a_synthetic_city_is_called_simulated_in_the_title_and_in_the_first_line() -> None:
    simulated, real = (training_page(made_up_passport(simulated=told)) for told in (True, False))
    title = re.search(r"<title>(.*?)</title>", simulated)
    assert title is not None and "模拟" in title[1] and "Simulated" in title[1]
    assert text_of(simulated.split("<header>")[1]).split("English")[1].lstrip().startswith("模拟：")
    assert simulated.count("【模拟】") >= 4
    assert not re.search("模拟|[Ss]imulated", real.split("<body>")[1])


def test_the_page_asks_nothing_of_the_network_and_runs_no_script() -> None:
    page = training_page(made_up_passport(simulated=True))
    parsed = Page(page)
    assert parsed.open == []
    assert not {"script", "link", "img", "iframe", "object", "embed"} & {tag for tag, _ in parsed.tags}
    addresses = [
        v for _, names in parsed.tags for k, v in names.items() if k in ("src", "href", "action", "style")
    ]
    assert addresses and all(address and address.startswith("#") for address in addresses)
    assert set(re.findall(r"https?://[^\s\"<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in page and "@import" not in page
    assert "default-src 'none'" in page


def test_what_comes_from_records_is_escaped() -> None:
    nasty = '<script>alert("x")</script>&'
    passport = made_up_passport(name=nasty, heads_left_out={nasty: nasty}, git_revision=nasty)
    head = passport["heads"]["accident"]
    head["definition"] |= {"title_zh": nasty, "title_en": nasty}
    head["importance"] = {nasty: 1.0}
    head["metrics"]["slices"]["ownership"][0]["value"] = nasty
    head["metrics"]["risk_over_time"][0]["month"] = nasty
    head["checks"][0]["reason_zh"] = nasty
    head["candidates"] = {nasty: {nasty: nasty}}
    head["metrics"]["lift_curve"][3]["recall"][nasty] = 0.2
    page = training_page(passport)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 10


def test_everything_is_said_in_both_languages_and_can_be_reached_without_seeing() -> None:
    parsed = Page(training_page(made_up_passport()))
    names = [tag for tag, _ in parsed.tags]
    classes = [attributes.get("class") for _, attributes in parsed.tags]
    assert classes.count("zh") == classes.count("en") > 200
    assert names.count("h1") == 1 and names.count("h2") == 5 and names.count("h3") > 20
    assert names.count("table") == names.count("caption") > 15
    assert names.count("svg") == names.count("desc") == 3 * 4
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = [a["aria-labelledby"].split() for _, a in parsed.tags if a.get("aria-labelledby")]  # type: ignore[union-attr]
    assert {each for pair in labelled for each in pair} <= set(ids)


def test_the_list_the_level_and_the_stability_are_told_in_numbers() -> None:
    text = text_of(training_page(made_up_passport()))
    assert (
        "模型的名单能覆盖 42% 的结果（95% 区间 36% 至 48%）；过往违规次数 27%、风险矩阵 22%、随机顺序 10%"
        in text
    )
    assert "模型每预计 100 起，实际发生 96 起（95% 区间 84 至 108）" in text
    assert "10% 名单平均有 70% 留在下月名单上" in text
    assert "52,000 行（4,600 个项目）" in text and "41 起不同的结果" in text


def test_a_slice_is_named_where_it_is_off_by_more_than_chance_and_left_alone_where_it_is_too_small() -> None:
    # 42 expected: by chance 30 to 55 happen, 0.71 to 1.31 of what is expected; 70 are 1.67.
    slices = [
        made_up_slice("310115", 20000, 70, 0.0021),
        made_up_slice("310101", 20000, 50, 0.0021),
        made_up_slice("310107", 800, 9, 0.002),
    ]
    section = failing_section({"slices": {"district": slices}})
    assert "浦东新区（1.67）" in section.sentences[0].zh
    assert "黄浦区" not in section.sentences[0].zh and "普陀区" not in section.sentences[0].zh
    assert "1 个范围的结果不足 20 起" in section.sentences[1].zh
    shown = section.tables[-1].rows[-1]
    assert shown[2] == "9" and all(getattr(cell, "en", "") == "too small" for cell in shown[4:])
    chance = Slice("district", slices[0]).by_chance()
    assert chance == pytest.approx((30 / 42, 55 / 42))


def test_audit_columns_show_selection_and_recall_whatever_their_size() -> None:
    page = text_of(training_page(made_up_passport()))
    assert "企业注册地：外省市" in page and "ownership: 民营" in page
    without = metrics_with(slices={})
    report = head_report("accident", made_up_head("accident", gains=BEATS) | {"metrics": without})
    assert "没有注册地或所有制" in next(s for s in report.sections if "Audit" in s.title.en).sentences[0].zh


def test_selection_is_corrected_where_there_were_random_visits_and_said_to_be_needless_for_accidents() -> (
    None
):
    by_head = dict(
        zip(("accident", "defect", "hazard"), _heads(training_page(made_up_passport())), strict=True)
    )
    assert "无需此项校正" in by_head["accident"]
    assert "此处未作校正" in by_head["defect"]
    assert "全部检查中的发生比例为 6.20%" in by_head["hazard"] and "估计全市为 4.10%" in by_head["hazard"]
    unmatched = made_up_head("hazard", gains=BEATS)
    unmatched["metrics"]["random_visits"] = None
    passport = made_up_passport(heads={"hazard": unmatched})
    assert "没有可用的双随机检查" in training_page(passport)


def _heads(page: str) -> list[str]:
    return [text_of(part) for part in re.split(r'<h2 id="(?:head-\w+|versions)">', page)[1:4]]


def test_checks_stand_with_code_state_reason_and_cure() -> None:
    defect = _heads(training_page(made_up_passport()))[1]
    assert "未通过：TRN007" in defect and "不适用 1 项（不适用不等于通过）" in defect
    assert "区间含零。" in defect and "载入更长的记录后重新训练。" in defect


def test_the_split_is_drawn_to_scale() -> None:
    page = training_page(made_up_passport())
    bars = re.findall(
        r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)"', page.split('id="head-accident-split')[-1]
    )
    first = [(float(x), float(width)) for x, width in bars[:3]]
    days = 340 / 2556  # 2019-01-01 to 2025-12-31 lie on 340 pixels
    assert first[0] == pytest.approx((8, 790 * days), abs=0.2)  # 2019-01-01 to 2021-03-01
    assert first[2][0] == pytest.approx(8 + 1369 * days, abs=0.2)  # 2022-10-01


@pytest.mark.parametrize(
    ("is_taken", "said"),
    [
        (True, "对数损失：声明的 0.03100，找到的 0.03010。采用找到的参数。"),
        (False, "找到的 0.03098。改善不超过 0.2%，沿用声明的参数。"),
    ],
)
def test_a_search_is_told_with_what_it_found_and_that_its_origins_flatter_it(
    is_taken: bool, said: str
) -> None:
    passport = made_up_passport()
    assert "参数搜索" not in training_page(passport)
    passport["heads"]["accident"]["search"] = made_up_search(is_taken=is_taken)
    passport["heads"]["defect"]["search"] = {
        "minutes": 5.0,
        "not_searched": {"zh": "因为。", "en": "Because."},
    }
    accident, defect, hazard = _heads(training_page(passport))
    assert said in accident and "试了 12 组，其中 3 组提前停止，只用 2024-10-01 已知的标签" in accident
    assert (
        "较早起点的数字略偏乐观；只有最新的一段作评价" in accident
        and "only the newest origin judges" in accident
    )
    assert "没有搜索参数：因为。" in defect and "No parameters were searched. Because." in defect
    assert "搜索" not in hazard


def test_what_it_must_not_be_used_for_is_always_there() -> None:
    text = text_of(training_page(made_up_passport()))
    for said in (
        "检查建议",
        "不得据此处罚",
        "不得用于给企业或个人排名",
        "分数高不叫“重大事故隐患”",
        "不给出“准确率”",
    ):
        assert said in text


def test_a_passport_with_next_to_nothing_still_gives_a_page() -> None:
    empty = made_up_passport(heads={"own": {}}, libraries={}, git_revision=None)
    page = training_page(empty)
    assert "无法判断是否胜过简单规则" in page and Page(page).open == []
    nothing = interval(None)
    metrics = metrics_with(
        reliability=[{"mean_risk": None, "observed": None}], stability={}, random_visits=None
    )
    metrics["contenders"] = {"trees": {"auc": nothing, "log_loss": nothing, "recall_at_10pct": nothing}}
    told = training_page(made_up_passport(heads={"own": {"metrics": metrics}}))
    assert "测试样本不足" in told and "None" not in told and "nan" not in told.lower().replace("finance", "")


def test_values_that_no_code_list_names_are_said_in_chinese_too() -> None:
    named = {*baselines._SIZES.values(), *baselines._REGISTERED.values(), *baselines._OWNED.values()}
    assert set(slice_sections.VALUES) == named
    for value in named:
        told = slice_sections.Slice("ownership", {"value": value}).value()
        assert told.en == value and any("\u4e00" <= letter <= "\u9fff" for letter in told.zh)
