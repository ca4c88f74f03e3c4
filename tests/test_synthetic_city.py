"""The synthetic city: the same for the same seed, honest about time, and with its truth kept apart."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.contract import contract, contracts
from data_contracts.errors import InvalidInput, SourceUnreadable
from data_contracts.moments import END_OF_DAY, now
from data_contracts.records import Records
from data_contracts.simulated import SIMULATED, is_simulated
from data_contracts.synthetic_city import (
    Truth,
    compare_with_domain,
    comparison_json,
    comparison_text,
    declaration_hash,
    expected_accidents,
    load_declaration,
    read_truth,
    serious_probability,
    serious_rate,
    true_hazard,
    write_city,
)
from data_contracts.synthetic_city.block import draw_block
from data_contracts.synthetic_city.calibration import calibrate
from data_contracts.synthetic_city.city_plan import plan_city
from data_contracts.synthetic_city.city_tables import CityTables, read_city
from data_contracts.synthetic_city.enterprises import draw_enterprises
from data_contracts.synthetic_city.groundwork import City
from data_contracts.synthetic_city.rows import length
from data_contracts.synthetic_city.stations import draw_stations
from data_contracts.validation import check_rows

LAST_DAY = dt.date(2025, 12, 31)
FIRST_DAY = pd.Timestamp("2024-01-01")
REGISTERS = ("enterprises", "projects", "project_parties", "credit_records", "dangerous_works", "progress", "machinery",
             "inspectors", "inspector_days", "aliases", "calendar_days")  # fmt: skip
SHARED = ("project_id", "stage_code", "agency_code", "team_ref", "enterprise_id", "kind", "floor_area_m2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("city")
    write_city(out, projects=250, years=2, seed=3, last_day=LAST_DAY)
    return out


@pytest.fixture(scope="module")
def city(folder: Path) -> CityTables:
    return read_city(folder)


@pytest.fixture(scope="module")
def truth(folder: Path) -> Truth:
    return read_truth(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def written_elsewhere(out: Path, hash_seed: str, threads: str) -> dict[str, bytes]:
    """The bytes of a city written by another process, under other circumstances."""
    code = f"from data_contracts.synthetic_city import write_city; write_city({str(out)!r}, projects=40, years=1, seed=5)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return contents(out)


def test_the_same_seed_gives_the_same_bytes_whatever_the_process_and_its_threads(tmp_path: Path) -> None:
    assert written_elsewhere(tmp_path / "a", "1", "1") == written_elsewhere(tmp_path / "b", "77", "2")


def test_another_seed_gives_another_city(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_city(tmp_path / str(seed), projects=40, years=1, seed=seed)
    one, other = contents(tmp_path / "1"), contents(tmp_path / "2")
    assert one.keys() == other.keys()
    assert all(
        one[f"{name}.parquet"] != other[f"{name}.parquet"]
        for name in ("projects", "inspections", "violations")
    )


def test_csv_and_parquet_hold_the_same_rows_and_one_replaces_the_other(tmp_path: Path) -> None:
    write_city(tmp_path / "kept", projects=40, years=1, seed=5)
    write_city(tmp_path / "city", projects=40, years=1, seed=5)
    write_city(tmp_path / "city", projects=40, years=1, seed=5, table_format="csv")
    assert not list((tmp_path / "city").glob("*.parquet"))
    kept, city = read_city(tmp_path / "kept"), read_city(tmp_path / "city")
    for name in contracts():
        pd.testing.assert_frame_equal(city[name], kept[name])


@pytest.mark.parametrize("name", list(contracts()))
def test_the_contracts_accept_every_row_without_a_warning(folder: Path, name: str) -> None:
    raw = pd.read_parquet(folder / f"{name}.parquet").astype("str")
    raw = raw.mask(raw.isin(["nan", "None", "NaT", "<NA>"]))
    for column in contract(name).columns:
        if column.kind == "integer":
            raw[column.name] = raw[column.name].str.removesuffix(".0")
    checked = check_rows(contract(name), raw, now=now())
    assert len(raw) > 0
    assert len(checked.failures) == 0
    assert checked.warning_counts == {}


def test_every_reference_is_met_at_the_end_of_the_last_day(city: CityTables) -> None:
    known = {
        name: {column: set(city[name][column].dropna()) for column in contract(name).key}
        for name in contracts()
    }
    for name, table in contracts().items():
        for column in table.columns:
            if column.reference:
                parents = known[column.reference.table][column.reference.column]
                assert set(city[name][column.name].dropna()) <= parents, f"{name}.{column.name}"


def test_nothing_is_recorded_after_the_last_day_or_before_the_register_was_opened(city: CityTables) -> None:
    for name in contracts():
        recorded = city[name]["recorded_at"].dropna()
        assert recorded.empty or recorded.max() <= pd.Timestamp(LAST_DAY) + END_OF_DAY, name
        assert recorded.empty or recorded.min() >= FIRST_DAY, name


def test_no_fact_is_recorded_before_it_happened(city: CityTables) -> None:
    for name, table in contracts().items():
        if table.happened and name not in (
            "projects",
            "aliases",
            "inspector_days",
            "calendar_days",
            "credit_records",
        ):
            rows = city[name].dropna(subset=[table.happened])
            assert (rows["recorded_at"] >= rows[table.happened]).all(), name


def test_no_event_lies_before_the_first_day(city: CityTables) -> None:
    for name, table in contracts().items():
        if table.happened and name not in REGISTERS:
            assert city[name][table.happened].min() >= FIRST_DAY, name


def test_no_closing_is_known_before_it_has_happened(city: CityTables) -> None:
    for name, table in contracts().items():
        for column in table.columns:
            if column.is_closing and column.name != "valid_until":  # an expiry is known from the beginning
                closed = city[name].dropna(subset=[column.name])
                assert (closed["recorded_at"] >= closed[column.name]).all(), f"{name}.{column.name}"


def test_findings_orders_sites_and_complaints_are_open_first_and_closed_by_a_later_version(
    city: CityTables,
) -> None:
    for name, closing in (
        ("violations", "rectified_on"), ("orders", "lifted_on"), ("defects", "closed_on"), ("monitor_alarms", "cleared_at"),
        ("projects", "finish_date"), ("dangerous_works", "finished_on"), ("machinery", "removed_on"),
        ("weather_warnings", "lifted_at"), ("violations", "revoked_at"), ("credit_records", "repaired_at"),
    ):  # fmt: skip
        versions = (
            city[name].sort_values("recorded_at", kind="stable").groupby(list(contract(name).key))[closing]
        )
        changed = versions.nunique(dropna=False) > 1
        assert changed.any(), f"{name}.{closing}"
        assert versions.nth(0)[changed.reindex(versions.nth(0).index, fill_value=False)].isna().all()


def test_two_versions_of_a_fact_are_never_recorded_at_the_same_moment(city: CityTables) -> None:
    for name, table in contracts().items():
        rows = city[name]
        assert not rows.duplicated([*table.key, "recorded_at"]).any(), name


def test_records_are_late_revoked_withdrawn_and_corrected_in_small_shares(tmp_path: Path) -> None:
    write_city(tmp_path, projects=1200, years=2, seed=4)
    city = read_city(tmp_path)
    violations = city["violations"]
    first = violations.sort_values("recorded_at").drop_duplicates("violation_id")
    lateness = (first["recorded_at"] - first["found_on"]).dt.days
    last = violations.sort_values("recorded_at").drop_duplicates("violation_id", keep="last")
    areas = city["projects"].groupby("project_id")["floor_area_m2"].nunique()
    assert 0.01 < (lateness > 14).mean() < 0.04
    assert 0.008 < last["revoked_at"].notna().mean() < 0.02
    assert 0 < last["withdrawn_at"].notna().mean() < 0.002
    assert 0.003 < (areas > 1).mean() < 0.02


def test_small_sites_have_no_attendance_and_fewer_columns(city: CityTables) -> None:
    projects = city.newest("projects").set_index("project_id")
    buildings = projects["category"].str.startswith("BLD")
    small = projects[buildings & (projects["floor_area_m2"] < 7000)]
    large = projects[buildings & (projects["floor_area_m2"] > 9000)]
    reporting = set(city["attendance"]["project_id"])
    assert not reporting & set(small.index)
    assert len(reporting & set(large.index)) > 0.3 * len(large)
    tiny = projects[projects["floor_area_m2"] < 2900]
    assert tiny["norm_days"].isna().mean() > 0.4 > large["norm_days"].isna().mean()


def test_the_city_is_already_at_work_on_its_first_day(truth: Truth) -> None:
    sites = truth.sites
    for day in ("2024-01-01", "2024-12-31", "2025-12-31"):
        at_work = (sites["start"] <= day) & (sites["finish"] > day)
        assert at_work.sum() == pytest.approx(250, rel=0.15)


def test_only_random_visits_have_a_selection_probability_and_all_the_same(city: CityTables) -> None:
    visits = city["inspections"]
    assert set(visits.loc[visits["selection_probability"].notna(), "inspection_type"]) == {"RANDOM"}
    assert visits["selection_probability"].nunique() == 1


def test_the_truth_is_not_among_the_tables(folder: Path, city: CityTables, truth: Truth) -> None:
    hidden = set(truth.site_months.columns) | set(truth.enterprises.columns) | set(truth.teams.columns)
    hidden |= set(truth.sites.columns)
    for name in contracts():
        assert not (hidden - {*SHARED, "month"}) & set(city[name].columns), name
    assert {path.stem for path in folder.glob("*.*")} == set(contracts())


def test_the_truth_names_the_declaration_it_was_made_after(truth: Truth) -> None:
    assert truth.city["declaration_sha256"] == declaration_hash() == load_declaration().sha256
    assert truth.city["simulated"] is True


def test_its_projects_and_firms_say_that_they_are_simulated(city: CityTables) -> None:
    assert is_simulated(Records.from_tables({"projects": city["projects"]}))
    assert not is_simulated(Records.from_tables({"projects": city["projects"].drop(columns="source_system")}))
    assert (city["enterprises"]["source_system"] == SIMULATED).all()


def test_every_site_on_the_register_and_no_other_has_its_truth(city: CityTables, truth: Truth) -> None:
    assert set(truth.sites["project_id"]) == set(city["projects"]["project_id"])


def test_the_hazard_is_its_terms_times_what_visits_leave_of_it(truth: Truth) -> None:
    months = truth.site_months
    terms = (
        truth.city["calibrated"]["intercept"]
        + months["visible"]
        + months["frailty_site"]
        + months["frailty_contractor"]
    )
    left = 1 - truth.city["visit_effect"]["reduction"] * months["visited_share"]
    np.testing.assert_allclose(months["log_hazard"], terms, atol=1e-5)
    np.testing.assert_allclose(months["hazard"], np.exp(months["log_hazard"]) * left, rtol=1e-5)


def test_a_visit_works_for_ninety_one_days_and_does_not_stack(city: CityTables, truth: Truth) -> None:
    visits = city["inspections"][lambda rows: rows["inspection_type"] != "EMERGENCY"].drop_duplicates(
        "inspection_id"
    )
    days = visits.groupby("project_id")["inspected_on"].agg(list)
    span = truth.site_months[truth.site_months["month"].between("2024-06-01", "2025-06-01")]
    for row in span.sample(200, random_state=1).itertuples():
        at_work = pd.date_range(row.begin, row.end, inclusive="left")
        since = [min((d - v).days for v in days.get(row.project_id, []) if v < d) if any(
            v < d for v in days.get(row.project_id, [])) else 999 for d in at_work]  # fmt: skip
        assert row.visited_share == pytest.approx(np.mean(np.array(since) <= 91), abs=1e-6)


def tiny_truth() -> Truth:
    """Two months of one site: 10 days in January at 1 a year, all of February at 2 a year without visits."""
    months = pd.DataFrame({
        "project_id": ["P1", "P1"],
        "month": pd.to_datetime(["2025-01-01", "2025-02-01"]),
        "begin": pd.to_datetime(["2025-01-22", "2025-02-01"]),
        "end": pd.to_datetime(["2025-02-01", "2025-03-01"]),
        "log_hazard": np.log([1.0, 2.0]),
        "hazard": [1.0, 1.8],
        "serious_probability": [0.1, 0.2],
    })  # fmt: skip
    sites = pd.DataFrame({"project_id": ["P1"]})
    return Truth({}, months, sites, pd.DataFrame(), pd.DataFrame())


def test_expected_accidents_count_the_days_after_as_of_up_to_the_horizon() -> None:
    truth = tiny_truth()
    # as_of 2025-01-30: the days 31 January (1 a year), 1 and 2 February (1.8 a year)
    assert expected_accidents(truth, ["P1"], "2025-01-30", 3) == pytest.approx([(1 * 1.0 + 2 * 1.8) / 365.25])
    assert expected_accidents(truth, ["P1"], "2025-01-30", 3, with_visits=False) == pytest.approx(
        [(1 + 2 * 2.0) / 365.25]
    )
    assert expected_accidents(
        truth, ["P1", "P9"], np.array(["2025-01-21", "2025-01-21"], "M8[D]"), 10
    ) == pytest.approx([10 / 365.25, 0])


def test_expected_accidents_beyond_the_truth_are_refused() -> None:
    with pytest.raises(InvalidInput, match="The truth covers"):
        expected_accidents(tiny_truth(), ["P1"], "2025-02-01", 90)


def test_hazard_and_serious_share_of_a_site_that_is_not_at_work() -> None:
    truth = tiny_truth()
    assert true_hazard(truth, ["P1", "P1", "P2"], ["2025-02-10", "2025-03-01", "2025-02-10"]).tolist() == [
        1.8,
        0,
        0,
    ]
    assert serious_probability(truth, ["P1"], ["2025-01-25"]) == pytest.approx([0.1])
    assert np.isnan(serious_probability(truth, ["P1"], ["2025-03-05"])[0])
    # 10 days of January at 0.1 and the first 10 of February at 0.2
    assert serious_rate(truth, "2025-01-01", "2025-02-10") == pytest.approx(0.15)


def test_expected_accidents_of_a_quarter_agree_with_the_sum_over_its_days(truth: Truth) -> None:
    ids = truth.sites["project_id"].to_numpy()[::40]
    whole = expected_accidents(truth, ids, "2024-10-10", 90)
    daily = sum(expected_accidents(truth, ids, np.datetime64("2024-10-10") + k, 1) for k in range(90))
    np.testing.assert_allclose(whole, daily, atol=1e-12)
    assert whole.sum() > 0


def test_a_moderate_city_has_the_declared_variance_and_the_rates_it_was_made_after(tmp_path: Path) -> None:
    write_city(tmp_path, projects=1500, years=3, seed=11)
    table = compare_with_domain(tmp_path)
    assert table.loc[~table["within"], ["figure", "generated", "low", "high"]].to_dict("records") == []
    figures = table.set_index("figure")["generated"]
    assert figures["log_hazard_variance"] == pytest.approx(1.5, abs=0.1)
    assert 0.25 <= figures["invisible_share"] <= 0.30
    assert declaration_hash() in comparison_text(table)
    assert "simulated" in comparison_text(table)
    assert json.loads(comparison_json(table))["simulated"] is True


@pytest.mark.parametrize("variance", [0.8, 2.5])
def test_the_variants_have_their_own_variance_and_the_same_accidents(tmp_path: Path, variance: float) -> None:
    write_city(tmp_path, projects=1500, years=1, seed=2, variance=variance)
    figures = compare_with_domain(tmp_path).set_index("figure")
    assert figures.loc["log_hazard_variance", "generated"] == pytest.approx(variance, rel=0.08)
    assert figures.loc["expected_reportable", "generated"] == pytest.approx(0.02, rel=0.2)


def test_findings_carry_the_frailty_of_a_site(tmp_path: Path) -> None:
    write_city(tmp_path, projects=1200, years=2, seed=6)
    truth, visits = read_truth(tmp_path), read_city(tmp_path)["inspections"]
    by_site = visits.groupby("project_id")["hazards_found"].agg(["mean", "size"])
    by_site = by_site[by_site["size"] >= 5].join(truth.sites.set_index("project_id")["frailty_site"])
    frail, sound = by_site["frailty_site"] > 0.4, by_site["frailty_site"] < -0.4
    # by the declared exponent 0.8 a difference of about 1.3 in log frailty triples what is found, about
    assert by_site.loc[frail, "mean"].mean() > 1.8 * by_site.loc[sound, "mean"].mean()


def test_the_calibrated_entries_follow_from_the_others() -> None:
    found = calibrate(1.5, projects=800, years=1)
    declared = {
        **load_declaration().calibrated,
        "routine_area_mean": load_declaration()["visits.routine_area_mean"],
    }
    assert found.keys() == declared.keys()
    for name, value in declared.items():
        assert found[name] == pytest.approx(value, rel=0.30), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"projects": 3},
        {"years": 0},
        {"seed": -1},
        {"last_day": dt.date(2010, 1, 1)},
        {"variance": 9.0},
        {"table_format": "xml"},
    ],
)
def test_arguments_that_make_no_city_are_refused(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(InvalidInput) as refused:
        write_city(tmp_path, **{"projects": 40, "years": 1, **wrong})
    assert refused.value.field in wrong


def test_a_folder_without_a_city_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable):
        read_truth(tmp_path)
    with pytest.raises(SourceUnreadable):
        read_city(tmp_path)


def test_a_block_whose_sites_were_all_finished_before_the_record_begins_is_empty() -> None:
    plan = plan_city(load_declaration(), projects=4600, years=6, seed=21, last_day=dt.date(2025, 12, 31))
    city = City(plan, draw_enterprises(plan), draw_stations(plan))
    first = draw_block(city, 0)
    assert len(first.sites) == 0 and length(first.works) == 0
