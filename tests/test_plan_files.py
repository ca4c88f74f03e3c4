"""A plan as CSV, Excel, JSON and calendar; made anew with as few changes as possible: a hand-made plan of three visits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from data_contracts.errors import InvalidInput, NotFound, SourceUnreadable
from serving.command_line.plan_report import plan_text
from serving.plan.plan_files import calendar, read_plan, write_plan
from serving.plan.plan_tables import COLUMNS, WeeklyPlan
from serving.plan.planning_sites import Choice
from serving.plan.remade_plan import remade
from serving.plan.roster import Roster
from serving.plan.weekly_plan import weekly_plan
from tests.planned_weeks import WEEK, house_choice, sites_of
from tests.planned_weeks import roster_of as no_inspectors

MONDAY = pd.Timestamp("2026-11-23")
CHOICE = Choice(
    {},
    {
        "checklist": [{"fact": "pit_works_open", "at_least": 1, "zh": "基坑", "en": "pit"}],
        "checklist_items": 3,
        "claims": ["RED", "BASE"],
        "campaigns": [],
        "weather": [],
        "team": [],
        "joint": {"colours": ["RED"], "disciplines": ["SAFETY", "QUALITY"]},
    },
    {},
)


def visit(number: int, site: str, day: int, why: str, value: float) -> dict[str, object]:
    told = dict.fromkeys(COLUMNS, "") | {
        "visit_id": f"2026-W48-{number:04d}", "week": "2026-W48", "day": MONDAY + pd.Timedelta(days=day), "agency_code": "D310101",
        "project_id": site, "discipline": "SAFETY", "inspector_refs": "G1;G2", "selected_by": why, "seed": 7, "colour": "BLUE",
        "due_on": MONDAY, "value": value, "selection_probability": 0.02 if why == "RANDOM" else float("nan"),
        "reason_zh": "高风险：每季度1次", "checklist_zh": "基坑：支护，监测；脚手架",
    }  # fmt: skip
    return told


@pytest.fixture
def plan() -> WeeklyPlan:
    visits = [
        visit(1, "P1", 0, "MANDATORY", 0.0),
        visit(2, "P2", 2, "RISK", 0.3),
        visit(3, "P3", 3, "RISK", 0.1),
        visit(4, "P4", 4, "RANDOM", 0.0),
    ]
    return WeeklyPlan(
        pd.DataFrame(visits, columns=list(COLUMNS)),
        pd.DataFrame(
            {"project_id": ["P1"], "agency_code": ["D310101"], "probability": [0.02], "drawn": [False]}
        ),
        pd.DataFrame({"agency_code": ["D310101"], "sites": [9]}),
        pd.DataFrame(
            {
                "agency_code": ["D310101"],
                "project_id": ["P9"],
                "due_on": [MONDAY],
                "due_zh": ["每季度"],
                "due_en": ["quarter"],
            }
        ),
        pd.DataFrame(
            {"project_id": ["P2"], "agency_code": ["D310101"], "code": ["RAIN"], "works": ["pit_works_open"]}
        ),
        {"week": "2026-W48", "as_of": "2026-11-23T00:00:00", "seed": 7},
    )


def sites(*names: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "project_id": list(names),
            "agency_code": "D310101",
            "colour": "RED",
            "due_on": MONDAY,
            "value": 0.5,
            "pit_works_open": 1.0,
            "last_inspectors": "",
        }
    )


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".json", ".ics"])
def test_a_plan_is_written_whole_and_nothing_is_left_beside_it(
    plan: WeeklyPlan, tmp_path: Path, ending: str
) -> None:
    write_plan(plan, tmp_path / f"plan{ending}")
    assert [path.name for path in tmp_path.iterdir()] == [f"plan{ending}"]


def test_a_table_for_excel_has_chinese_headings_and_the_mark_of_utf8(
    plan: WeeklyPlan, tmp_path: Path
) -> None:
    write_plan(plan, tmp_path / "plan.csv")
    content = (tmp_path / "plan.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf" + "检查编号,周次,日期".encode())
    write_plan(plan, tmp_path / "plan.xlsx")
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    assert book.sheetnames == ["检查计划", "各机构", "未能安排", "随机抽取", "气象提示"]
    assert [cell.value for cell in book["检查计划"][2]][:5] == [
        "2026-W48-0001",
        "2026-W48",
        "2026-11-23",
        "D310101",
        "P1",
    ]
    assert book["未能安排"]["B2"].value == "P9"


def test_a_plan_read_again_is_the_plan(plan: WeeklyPlan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "plan.json")
    again = read_plan(tmp_path / "plan.json")
    assert again.passport == plan.passport
    assert again.visits["day"].tolist() == plan.visits["day"].tolist()
    assert again.visits["project_id"].tolist() == plan.visits["project_id"].tolist()


def test_a_calendar_has_an_event_a_visit_in_short_lines_with_escaped_text(plan: WeeklyPlan) -> None:
    text = calendar(plan)
    assert text.count("BEGIN:VEVENT") == text.count("END:VEVENT") == 4
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    unfolded = text.replace("\r\n ", "")
    assert "UID:2026-W48-0001@siterisk" in unfolded
    assert "DTSTART;VALUE=DATE:20261123\r\nDTEND;VALUE=DATE:20261124" in unfolded
    assert "检查人员：G1\\;G2\\n高风险：每季度1次\\n基坑：支护" in unfolded
    assert calendar(plan) == text


def test_a_file_of_another_kind_or_in_no_folder_is_refused(plan: WeeklyPlan, tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "plan.pdf", "must end in"),
        (tmp_path / "absent" / "plan.csv", "does not exist"),
    ):
        with pytest.raises(InvalidInput, match=words):
            write_plan(plan, path)
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SourceUnreadable, match="no plan written as JSON"):
        read_plan(tmp_path / "other.json")


def test_an_accident_takes_the_place_of_the_chosen_visit_of_least_worth_and_of_no_other(
    plan: WeeklyPlan,
) -> None:
    again, changes = remade(plan, sites("P7"), CHOICE, MONDAY + pd.Timedelta(days=1), ["P7"])
    assert again.visits["project_id"].tolist() == ["P1", "P2", "P7", "P4"]
    added = again.visits.iloc[2]
    assert (added["day"], added["inspector_refs"], added["selected_by"]) == (
        MONDAY + pd.Timedelta(days=3),
        "G1;G2",
        "MANDATORY",
    )
    assert added["checklist_zh"] == "基坑"
    assert changes[["change", "project_id", "instead_of"]].values.tolist() == [
        ["TAKEN_OUT", "P3", ""],
        ["ADDED", "P7", "P3"],
    ]
    assert again.visits["visit_id"].is_unique


def test_a_site_with_a_visit_to_come_changes_nothing(plan: WeeklyPlan) -> None:
    again, changes = remade(plan, sites("P2"), CHOICE, MONDAY + pd.Timedelta(days=1), ["P2"])
    assert changes.empty
    assert again.visits["project_id"].tolist() == plan.visits["project_id"].tolist()


def test_a_site_visited_on_monday_is_visited_again_after_an_accident(plan: WeeklyPlan) -> None:
    again, _ = remade(plan, sites("P1"), CHOICE, MONDAY + pd.Timedelta(days=1), ["P1"])
    assert again.visits["project_id"].tolist() == ["P1", "P2", "P1", "P4"]


def test_two_sites_never_take_the_place_of_one_another(plan: WeeklyPlan) -> None:
    again, changes = remade(
        plan, sites("P7", "P8", "P6", "P5"), CHOICE, MONDAY + pd.Timedelta(days=2), ["P7", "P8", "P6", "P5"]
    )
    assert again.visits["project_id"].tolist() == ["P1", "P8", "P7", "P6", "P5"]
    assert pd.isna(again.visits["day"].iloc[4])
    assert changes[changes["change"] == "ADDED"]["instead_of"].tolist() == ["P3", "P2", "P4", ""]


def test_a_site_that_is_not_active_cannot_be_added(plan: WeeklyPlan) -> None:
    with pytest.raises(NotFound, match="P0"):
        remade(plan, sites("P7"), CHOICE, MONDAY, ["P0"])


def test_nothing_is_taken_out_while_a_team_is_free(plan: WeeklyPlan) -> None:
    days = tuple(pd.date_range(MONDAY, periods=5))
    who = pd.DataFrame({
        "inspector_ref": ["G1", "G2", "G3", "G4"], "agency_code": "D310101", "disciplines": ["SAFETY", "SAFETY", "QUALITY", "SAFETY"],
        "is_expert": False,
    })  # fmt: skip
    roster = Roster(who.merge(pd.DataFrame({"date": days}), how="cross"), days)
    capacity = {"share_of_days_for_planned_visits": 1.0, "inspectors_a_visit": 2, "visits_a_team_day": 1}
    choice = Choice({}, CHOICE.plan, capacity)
    again, changes = remade(plan, sites("P7"), choice, MONDAY + pd.Timedelta(days=2), ["P7"], roster=roster)
    # P2 goes out that Wednesday with G1 and G2; G3 and G4 are there.
    assert changes["change"].tolist() == ["ADDED"]
    assert again.visits["project_id"].tolist() == ["P1", "P2", "P3", "P4", "P7"]
    added = again.visits.iloc[4]
    assert (added["day"], added["inspector_refs"]) == (MONDAY + pd.Timedelta(days=2), "G3;G4")
    assert (added["team_needs"], added["team_lacks"]) == ("SAFETY;QUALITY", "")


def roster_of(*refs: str) -> Roster:
    """Inspectors of safety on each working day; G9 alone of quality."""
    days = tuple(pd.date_range(MONDAY, periods=5))
    who = pd.DataFrame(
        {"inspector_ref": refs, "agency_code": "D310101", "disciplines": "SAFETY", "is_expert": False}
    )
    who.loc[who["inspector_ref"] == "G9", "disciplines"] = "QUALITY"
    return Roster(who.merge(pd.DataFrame({"date": days}), how="cross"), days)


CAPACITY = Choice({}, CHOICE.plan, {"share_of_days_for_planned_visits": 0.1, "inspectors_a_visit": 2})


def test_a_day_kept_for_other_work_is_free_and_who_came_last_stays_away(plan: WeeklyPlan) -> None:
    asked = sites("P7").assign(last_inspectors="G3;G4")
    roster = roster_of("G1", "G2", "G3", "G4", "G5", "G6")
    again, changes = remade(plan, asked, CAPACITY, MONDAY + pd.Timedelta(days=2), ["P7"], roster=roster)
    assert changes["change"].tolist() == ["ADDED"]
    assert again.visits.iloc[4]["inspector_refs"] == "G5;G6"


def test_a_team_taken_over_says_what_it_lacks(plan: WeeklyPlan) -> None:
    again, _ = remade(
        plan, sites("P7"), CAPACITY, MONDAY + pd.Timedelta(days=2), ["P7"], roster=roster_of("G1", "G2")
    )
    # There are G1 and G2 alone, out on every day to come: P7 takes the place of P3.
    added = again.visits[again.visits["project_id"] == "P7"].iloc[0]
    assert (added["inspector_refs"], added["team_lacks"]) == ("G1;G2", "QUALITY")


def test_a_due_visit_that_gives_way_is_named_and_counted(plan: WeeklyPlan) -> None:
    due = plan.visits.assign(selected_by=["MANDATORY"] * 4, colour=["BLUE", "RED", "BLUE", "RED"])
    again, _ = remade(
        replace(plan, visits=due), sites("P7", "P9"), CHOICE, MONDAY + pd.Timedelta(days=1), ["P7", "P9"]
    )
    # The blue one first; P9, which was left out, is visited now.
    assert again.left_out["project_id"].tolist()[0] == "P3"
    assert again.left_out["why_en"].tolist()[0] == "gave way to P7, added within the week"
    assert "P9" not in set(again.left_out["project_id"])


def test_a_random_visit_gives_way_by_lot_and_is_marked_in_the_draw(plan: WeeklyPlan) -> None:
    tuesday, names = MONDAY + pd.Timedelta(days=1), [f"P{number}" for number in range(4)]
    draw = pd.DataFrame({"project_id": names, "agency_code": "D310101", "probability": 0.02, "drawn": True})
    out = []
    for seed in range(40):
        visits = [
            visit(number, name, 2, "RANDOM", float(number)) | {"seed": seed}
            for number, name in enumerate(names)
        ]
        drawn = replace(plan, visits=pd.DataFrame(visits, columns=list(COLUMNS)), draw=draw)
        again, changes = remade(drawn, sites("P7"), CHOICE, tuesday, ["P7"])
        out.append(changes["project_id"].iloc[0])
        assert again.draw.loc[again.draw["taken_out"], "project_id"].tolist() == out[-1:]
    # Each of four with 1/4, whatever its worth: 10 of 40, a deviation of 2.7.
    assert all(abs(out.count(name) - 10) < 10 for name in names)


def test_a_site_whose_day_is_open_is_not_added_again(plan: WeeklyPlan) -> None:
    friday = MONDAY + pd.Timedelta(days=5)
    once, _ = remade(plan, sites("P7"), CHOICE, friday, ["P7"])
    assert pd.isna(once.visits["day"].iloc[-1])
    twice, changes = remade(once, sites("P7"), CHOICE, friday, ["P7"])
    assert changes.empty and len(twice.visits) == len(once.visits)


@pytest.mark.parametrize("ending", [".json", ".xlsx"])
def test_a_plan_read_and_made_anew_is_written_with_what_was_left_out(
    plan: WeeklyPlan, tmp_path: Path, ending: str
) -> None:
    write_plan(plan, tmp_path / "plan.json")
    again, _ = remade(read_plan(tmp_path / "plan.json"), sites("P7"), CHOICE, MONDAY, ["P7"])
    write_plan(again, tmp_path / f"again{ending}")
    assert again.left_out["due_on"].tolist() == [MONDAY]


def test_a_plan_with_no_visit_and_nothing_left_out_is_read_and_written_again(
    plan: WeeklyPlan, tmp_path: Path
) -> None:
    for name, empty in (
        ("left", {"left_out": plan.left_out.iloc[:0]}),
        ("all", {"visits": plan.visits.iloc[:0]}),
    ):
        write_plan(replace(plan, **empty), tmp_path / f"{name}.json")
        again, _ = remade(read_plan(tmp_path / f"{name}.json"), sites("P7"), CHOICE, MONDAY, ["P7"])
        write_plan(again, tmp_path / f"{name}.xlsx")
        assert "P7" in set(again.visits["project_id"])


def test_a_city_without_active_sites_has_an_empty_plan(tmp_path: Path) -> None:
    choice = house_choice()
    empty = weekly_plan(sites_of([{}], choice).iloc[:0], no_inspectors({}), choice, WEEK, 7)
    assert empty.visits.empty and empty.left_out.empty
    for ending in (".csv", ".xlsx", ".json", ".ics"):
        write_plan(empty, tmp_path / f"plan{ending}")
    assert "0 visits" in plan_text(read_plan(tmp_path / "plan.json"), None)


def test_a_plan_made_anew_twice_on_a_day_has_no_number_twice(plan: WeeklyPlan) -> None:
    tuesday = MONDAY + pd.Timedelta(days=1)
    once, _ = remade(plan, sites("P7"), CHOICE, tuesday, ["P7"])
    twice, _ = remade(once, sites("P8"), CHOICE, tuesday, ["P8"])
    assert twice.visits["visit_id"].is_unique
