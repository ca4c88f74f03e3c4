"""The catalogue: what it must declare, what it may not, and the page written from it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from data_contracts.contract import contracts
from data_contracts.errors import ContractInvalid, NotFound
from data_contracts.records import Records
from features.catalogue import CATALOGUE_FILE, load_catalogue
from features.fact_index import FactIndex
from features.feature import BY_POLICY, FAMILIES, INPUT_STATE, MEASURES, RATIO
from features.plans import STEPS
from features.reference_page import PAGE, reference_page

CATALOGUE = load_catalogue()
PLAIN = {
    "name": "hazards",
    "family": "过往违规",
    "table": "violations",
    "measure": "count",
    "range": [0, 10],
    "direction": "none",
    "label_zh": "隐患",
    "label_en": "Hazards",
    "reason_zh": "隐患{v}条",
    "reason_en": "{v} hazards",
    "missing": "never",
}


def declared(tmp_path: Path, *features: dict, **facts: dict) -> Path:
    rules = {"violations": {"since": "found_on"}, "enterprises": {}, "projects": {}} | facts
    document = {"version": "1.0.0", "facts": rules, "features": list(features)}
    path = tmp_path / "catalogue.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


def faults(tmp_path: Path, *features: dict, **facts: dict) -> str:
    with pytest.raises(ContractInvalid) as caught:
        load_catalogue(declared(tmp_path, *features, **facts))
    return str(caught.value)


def test_every_family_of_the_trade_has_features():
    assert {feature.family for feature in CATALOGUE.features} == set(FAMILIES)


OF_THE_STATION = {"inspectors", "inspector_days", "aliases", "calendar_days", "weather_warnings"}


def test_at_least_120_features_over_every_table_that_describes_sites_and_parties():
    in_model = [feature for feature in CATALOGUE.features if feature.in_model]
    assert len(in_model) >= 120
    assert {feature.table for feature in in_model} - {None} == set(contracts()) - OF_THE_STATION
    assert any(
        CATALOGUE.feature(str(f.numerator)).scope == "elsewhere" for f in in_model if f.measure == RATIO
    )


def test_every_word_for_a_measure_can_be_computed():
    assert set(STEPS) | {*BY_POLICY, INPUT_STATE} == set(MEASURES)


def test_every_feature_has_labels_and_reasons_in_both_languages():
    for feature in CATALOGUE.features:
        assert feature.label_zh and feature.label_en and feature.reason_zh and feature.reason_en, feature.name
        pairs = ((feature.reason_zh, feature.reason_en), *feature.says.values())
        for zh, en in pairs:
            assert zh.format(v=3, n=90) and en.format(v=3, n=90, days="3 days"), feature.name
            assert ("{v}" in zh) == ("{v}" in en or "{days}" in en), feature.name


def test_reasons_do_not_blame_and_never_print_a_statutory_term_for_a_score():
    for feature in CATALOGUE.features:
        if not feature.name.startswith("major_hazards_"):  # they count findings of the authority
            assert "重大事故隐患" not in feature.reason_zh + feature.label_zh, feature.name


def test_the_matrix_has_the_model_features_in_the_order_declared():
    project = {"project_id": ["P1"], "recorded_at": ["2024-01-01"], "start_date": ["2024-01-01"]}
    index = FactIndex.build(Records.from_tables({"projects": pd.DataFrame(project)}), CATALOGUE)
    matrix = index.matrix(["P1"], ["2024-06-01"])
    assert tuple(matrix.columns) == CATALOGUE.names
    assert set(matrix.dtypes.astype(str)) == {"float64"}


def test_weather_and_audit_columns_are_computed_but_in_no_model():
    assert any(feature.table == "weather_warnings" for feature in CATALOGUE.features)
    assert {"registered_region", "ownership"} <= {c for f in CATALOGUE.features for c in f.columns}
    for feature in CATALOGUE.features:
        assert feature.table != "weather_warnings" or not feature.in_model
        audit = [c.name for c in contracts()[feature.table].columns if c.audit_only] if feature.table else []
        assert not (feature.in_model and set(audit) & set(feature.columns)), feature.name


def test_the_hash_is_of_the_declaration_not_of_its_layout(tmp_path):
    document = yaml.safe_load(CATALOGUE_FILE.read_text(encoding="utf-8"))
    copy = tmp_path / "catalogue.yaml"
    copy.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    assert load_catalogue(copy).hash == CATALOGUE.hash
    document["features"][0]["label_en"] = "Renewal"
    copy.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    assert load_catalogue(copy).hash != CATALOGUE.hash


def test_all_faults_of_a_catalogue_are_named_at_once(tmp_path):
    told = faults(
        tmp_path,
        PLAIN | {"family": "其他"},
        PLAIN | {"name": "second", "where": {"severity": ["grave"]}},
        PLAIN | {"name": "third", "colour": "red"},
    )
    assert "3 faults" in told
    assert "family 其他" in told
    assert "severities has no code 'grave'" in told
    assert "nothing is called colour" in told


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"table": "weather"}, "not a contract table"),
        ({"where": {"gravity": ["serious"]}}, "violations has no column gravity"),
        ({"measure": "median"}, "there is no measure median"),
        ({"measure": "sum"}, "sum needs a column"),
        ({"measure": "sum", "column": "category"}, "category is not a number"),
        ({"measure": "trend"}, "a trend needs window_days"),
        ({"measure": "ratio"}, "numerator and denominator"),
        ({"measure": "latest", "column": "severity"}, "nor a code with ranks"),
        ({"until": ["severity"]}, "severity is not a date or moment"),
        ({"window_days": 0}, "window_days is below 1"),
        ({"range": [5, 5]}, "is empty"),
        ({"direction": 2}, "not 1, -1 or none"),
        ({"role": "GC"}, "does not go with role"),
        ({"role": "CHEF", "scope": "everywhere"}, "no role CHEF"),
        ({"table": "enterprises", "measure": "count"}, "says nothing of a site"),
        ({"reason_zh": "很" * 41}, "more than 40 characters"),
        ({"shrunk": {"numerator": "a", "denominator": "b", "strength": 4}}, "is 估计 and estimated"),
        ({"says": {"often": ["常常", "often"]}}, "says has no often"),
        ({"says": {"missing": ["无"]}}, "says of missing is no text"),
        ({"says": {"missing": ["很" * 31, "very"]}}, "more than 30 characters"),
        ({"unit": "", "range": [0, 1]}, "so and not_so are said"),
    ],
)
def test_a_declaration_that_contradicts_the_contracts_is_refused(tmp_path, change, fault):
    assert fault in faults(tmp_path, PLAIN | change)


def test_a_feature_declared_twice_is_refused(tmp_path):
    assert "declared twice" in faults(tmp_path, PLAIN, PLAIN)


def test_a_rule_for_a_column_that_is_no_day_is_refused(tmp_path):
    assert "has no date or moment severity" in faults(tmp_path, PLAIN, violations={"since": "severity"})


def test_an_audit_only_column_is_refused_in_a_model_and_computed_outside_of_it(tmp_path):
    local = PLAIN | {
        "table": "enterprises",
        "where": {"ownership": ["STATE"]},
        "role": "GC",
        "scope": "everywhere",
    }
    assert "ownership is audit-only" in faults(tmp_path, local)
    assert load_catalogue(declared(tmp_path, local | {"in_model": False})).names == ()


def test_an_audit_only_column_may_not_enter_a_model_through_a_ratio(tmp_path):
    local = PLAIN | {
        "table": "enterprises",
        "where": {"ownership": ["STATE"]},
        "role": "GC",
        "scope": "everywhere",
        "in_model": False,
    }
    share = PLAIN | {
        "name": "share",
        "table": None,
        "measure": "ratio",
        "numerator": "hazards",
        "denominator": "all",
    }
    assert "ownership is audit-only" in faults(tmp_path, local, PLAIN | {"name": "all"}, share)


def test_weather_is_refused_in_a_model(tmp_path):
    weather = PLAIN | {"table": "weather_warnings"}
    assert "weather is not an input" in faults(tmp_path, weather, weather_warnings={"since": "issued_at"})


def test_an_unknown_code_of_an_open_list_is_counted_as_other(tmp_path):
    other = PLAIN | {"where": {"category": ["OTHER"]}}
    catalogue = load_catalogue(declared(tmp_path, other, project_parties={"since": "valid_from"}))
    tables = {
        "projects": {"project_id": ["P1"], "recorded_at": ["2024-01-01"], "start_date": ["2024-01-01"]},
        "violations": {
            "violation_id": ["V1", "V2", "V3", "V4"],
            "project_id": ["P1"] * 4,
            "found_on": ["2024-02-01"] * 4,
            "recorded_at": ["2024-02-01"] * 4,
            "category": ["A_NEW_CODE", "OTHER", "SCAF", None],
        },
    }
    records = Records.from_tables({name: pd.DataFrame(columns) for name, columns in tables.items()})
    index = FactIndex.build(records, catalogue)
    assert index.matrix(["P1"], ["2024-03-01"])["hazards"].tolist() == [2]


def test_a_feature_that_is_not_declared_is_not_found():
    with pytest.raises(NotFound):
        CATALOGUE.feature("zodiac_sign")


def test_the_committed_page_of_features_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference_page()


def test_a_rule_by_which_facts_end_names_columns_of_their_table(tmp_path):
    told = faults(
        tmp_path,
        PLAIN,
        violations={"since": "found_on", "superseded_within": ["scheme_id"], "expires_by": ["valid_until"]},
        enterprises={"ends_with_project": True},
    )
    assert "violations has no column scheme_id" in told
    assert "violations has no date or moment valid_until" in told
    assert "enterprises has no column project_id" in told


def test_a_feature_can_only_need_columns_that_exist(tmp_path):
    assert "violations has no column hazards_found" in faults(tmp_path, PLAIN | {"needs": ["hazards_found"]})
