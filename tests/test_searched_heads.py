"""What a search of parameters sees of a head, how its minutes are shared, and what the head is then trained with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from data_contracts.moments import knowledge_moment
from data_contracts.progress import silent
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.command_line.training_report import training_table
from tests.outcome_city import outcome_city
from training import contenders, searched_heads
from training.contenders import CardSample, Fitting
from training.head_model import HeadModel
from training.head_rows import City, HeadRows, Slice
from training.head_training import HeadTraining
from training.heads import HEADS_FILE, Head, load_heads
from training.search import RANGES
from training.search_time import Countdown, SearchTime
from training.searched_heads import NoSearch, older_origins, search_heads
from training.splits import Period, TestDates, evaluation_split

ACCIDENT, DEFECT, HAZARD = load_heads()
# Trees that can hardly split on so few rows: almost anything else is better.
STIFF = HAZARD.model_copy(update={"trees": {"min_data_in_leaf": 1000, "num_boost_round": 60}})
AN_INSTANT = 1e-6


def city_of(records: Records) -> City:
    index = FactIndex.build(records, load_catalogue())
    return City(records, index, knowledge_moment("2025-12-31"), TestDates(), seed=1, threads=1)


@pytest.fixture(scope="module")
def city() -> City:
    return city_of(outcome_city())


def searched(*plans: HeadTraining, minutes: float = AN_INSTANT) -> tuple[list[HeadTraining], dict[str, Any]]:
    return search_heads(plans, minutes)


def first_judged_day(plan: HeadTraining) -> pd.Timestamp:
    as_of = plan.city.rows(plan.head, silent).pairs["as_of"]
    return evaluation_split(plan.head, as_of, plan.city.until).known_at


def test_nothing_of_the_newest_origin_is_asked_for(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Period, pd.Timestamp]] = []
    ask = HeadRows.slice

    def noting(rows: HeadRows, period: Period, known_at: pd.Timestamp) -> Slice:
        asked.append((period, known_at))
        return ask(rows, period, known_at)

    monkeypatch.setattr(HeadRows, "slice", noting)
    searched(HeadTraining(STIFF, city))
    newest = first_judged_day(HeadTraining(STIFF, city))
    assert len(asked) == 6  # trees, calibration and test of two origins
    for period, known_at in asked:
        assert known_at <= newest and STIFF.last_complete(newest) >= period.last


def test_an_outcome_recorded_after_the_newest_test_began_changes_nothing(city: City) -> None:
    plan = HeadTraining(HAZARD, city)
    known_at, visits = first_judged_day(plan), city.records.table("inspections")
    late = (visits["inspected_on"] < known_at) & (visits["inspected_on"] > known_at - pd.Timedelta(days=60))
    corrected = visits[late].assign(recorded_at=known_at + pd.Timedelta(days=1), disposal="STOP")
    corrected_city = city_of(
        Records.from_tables(
            {
                "projects": city.records.table("projects"),
                "accidents": city.records.table("accidents"),
                "inspections": pd.concat([visits, corrected]),
            }
        )
    )
    parameters = {"num_boost_round": 40}
    found = [
        [origin.log_loss(parameters) for origin in older_origins(each, rows, known_at).values()]
        for each in (plan, replace(plan, city=corrected_city))
        if (rows := each.city.rows(HAZARD, silent))
    ]
    assert len(found[0]) == 2 and found[0] == found[1]


def test_what_is_found_is_trained_as_if_the_heads_file_had_said_so(city: City, tmp_path: Path) -> None:
    (plan,), told = searched(HeadTraining(STIFF, city))
    search = told["hazard"].search
    assert search.declared.parameters["num_leaves"] == 15 and search.is_better
    assert plan.head.trees == {"min_data_in_leaf": 1000, "num_boost_round": 60} | search.best.parameters
    said = table_of(told)
    assert "试了 2 组" in said and "2 trials" in said and "写入目标文件即可保留" in said
    line = next(line for line in said.splitlines() if line.strip().startswith("trees: {"))
    heads = yaml.safe_load(HEADS_FILE.read_text(encoding="utf-8"))
    heads["heads"]["hazard"] |= yaml.safe_load(line)
    (tmp_path / "heads.yaml").write_text(yaml.safe_dump(heads, allow_unicode=True), encoding="utf-8")
    assert load_heads(tmp_path / "heads.yaml", only=["hazard"]) == (plan.head,)


def table_of(told: Mapping[str, Any]) -> str:
    """What the command says of a training of no head but with these searches."""
    done: Any = SimpleNamespace(figures={}, registered={}, left_out={}, silences={}, checks={}, searches=told)
    return training_table(done)


def test_the_declared_parameters_stay_where_nothing_is_clearly_better(city: City) -> None:
    (plan,), told = searched(HeadTraining(HAZARD, city))
    assert not told["hazard"].search.is_better
    assert plan.head == HAZARD
    assert "沿用声明的参数" in table_of(told) and "trees: {" not in table_of(told)


def test_a_head_that_lends_is_searched_first_and_on_nothing_its_borrower_could_not_know(city: City) -> None:
    steps: list[str] = []
    accident = HeadTraining(ACCIDENT, city, lender=STIFF, progress=lambda step, *_: steps.append(step))
    hazard = HeadTraining(STIFF, city, progress=accident.progress)
    (borrower, lender), told = searched(accident, hazard)
    assert borrower.lender == lender.head != STIFF
    assert told["hazard"].known_at == first_judged_day(accident) < first_judged_day(hazard)
    assert isinstance(told["accident"], NoSearch) and "No older origin" in told["accident"].why.en
    features = dict.fromkeys(step.split()[-1] for step in steps if step.startswith("特征"))
    assert list(features) == ["hazard", "accident"]


def test_a_head_whose_declared_values_all_lie_outside_the_ranges_is_not_searched(city: City) -> None:
    beyond = {name: 2 * high + 1 for name, (_, high) in RANGES.items()}
    (plan,), told = searched(HeadTraining(HAZARD.model_copy(update={"trees": beyond}), city))
    assert plan.head.trees == beyond
    assert "outside its range" in table_of(told)


def test_of_very_many_rows_a_scorecard_takes_those_of_the_same_projects_unless_outcomes_are_rare(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, rows = HeadTraining(HAZARD, city), city.rows(HAZARD, silent)
    split = evaluation_split(HAZARD, rows.pairs["as_of"], city.until)

    def slices(most: int, fewest: int, rare: int = 10**9) -> tuple[Fitting, CardSample]:
        monkeypatch.setattr(contenders, "MOST_ROWS_OF_CARD", most)
        monkeypatch.setattr(contenders, "FEWEST_OUTCOMES_OF_CARD", fewest)
        monkeypatch.setattr(contenders, "MOST_ROWS_OF_RARE_CARD", rare)
        fitting = plan.fitting_if_enough(rows, split, "")
        assert fitting is not None
        return fitting, fitting._of_cards

    whole, both = slices(10**9, 1)
    assert both == CardSample(whole.older, whole.later)
    every = len(whole.older.pairs) + len(whole.later.pairs)
    fitting, (older, later, *_) = slices(every // 2, 1)
    assert every // 3 < len(older.pairs) + len(later.pairs) <= every // 2
    kept = {*older.pairs["project_id"], *later.pairs["project_id"]}
    for some, of in ((older, fitting.older), (later, fitting.later)):
        assert len(some.pairs) == of.pairs["project_id"].isin(kept).sum()
    rare, both = slices(every // 2, 10**9)
    assert both == CardSample(rare.older, rare.later)
    rare, sample = slices(every // 2, 10**9, every // 3)
    assert sample.of_later is not None and sample.share_of_others == pytest.approx(1 / 3, abs=0.001)
    assert sample.older.happened.sum() == rare.older.happened.sum()
    assert sample.later.happened[sample.of_later].sum() == rare.later.happened.sum()
    others = (sample.older.happened == 0).sum() + (sample.later.happened[sample.of_later] == 0).sum()
    assert others / every == pytest.approx(1 / 3, abs=0.1)


def test_a_head_without_trees_is_not_searched_and_that_is_said(city: City) -> None:
    head = ACCIDENT.model_copy(update={"contenders": ("borrowing_scorecard", "scorecard")})
    (plan,), told = searched(HeadTraining(head, city, lender=HAZARD))
    assert plan.head == head
    assert "accident: 没有搜索参数" in table_of(told) and "nothing to search" in table_of(told)


@pytest.mark.parametrize(
    ("head", "kind"),
    [(ACCIDENT, "trees"), (DEFECT, "boosted_scorecard"), (HAZARD, "trees")],
    ids=lambda each: getattr(each, "name", each),
)
def test_a_head_is_searched_by_its_first_contender_with_trees(head: Head, kind: str) -> None:
    assert searched_heads.searched_kind(head) == kind


def test_trees_on_a_scorecard_are_tried_on_one_card_as_the_contender_is(city: City) -> None:
    head = HAZARD.model_copy(update={"contenders": ("boosted_scorecard",)})
    plan, rows = HeadTraining(head, city), city.rows(head, silent)
    split = evaluation_split(head, rows.pairs["as_of"], city.until)
    fitting = plan.fitting_if_enough(rows, split, "")
    assert fitting is not None
    contender = fitting.contenders(["boosted_scorecard"])["boosted_scorecard"]
    cards: list[Any] = []
    fit: Callable[..., Any] = Fitting._card
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Fitting, "_card", lambda *given: cards.append(given) or fit(*given))
        grow = fitting.grower("boosted_scorecard")
        grown: list[HeadModel] = [grow(fitting.parameters) for _ in range(2)]
    assert len(cards) == 1
    for model in grown:
        np.testing.assert_array_equal(model.risk(rows.features), contender.risk(rows.features))


def test_each_head_gets_an_equal_share_of_what_is_left() -> None:
    moments = iter([0.0, 0.0, 90.0, 130.0])
    given = SearchTime.begun(2, lambda: next(moments))
    assert [given.share(3), given.share(2), given.share(1)] == [40, 15, 0]


def test_a_countdown_tells_seconds_and_ends_once() -> None:
    told: list[tuple[str, int, int | None]] = []
    seconds = iter([0.0, 7.4, 11.0])
    countdown = Countdown("search", 10, lambda *each: told.append(each), lambda: next(seconds), 0.0)
    for _ in range(3):
        countdown("trees", 1, 800)
    countdown.finish()
    assert told == [("search", second, 10) for second in (0, 7, 9, 10)]


def test_who_interrupts_a_search_ends_the_training(city: City) -> None:
    def interrupted(step: str, done: int, total: int | None) -> None:
        if step.startswith("搜索"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched(HeadTraining(HAZARD, city, progress=interrupted))
