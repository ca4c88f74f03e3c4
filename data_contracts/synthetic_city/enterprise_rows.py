"""The tables of enterprises: `enterprises`, `credit_records`, `aliases`, and violations without a site."""

from __future__ import annotations

import numpy as np

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.enterprises import KINDS, Enterprises
from data_contracts.synthetic_city.filing import filed, filed_after, on_register
from data_contracts.synthetic_city.rows import (
    DAY_SECONDS,
    NONE,
    Rows,
    constant,
    days_as_dates,
    first_day_of,
    later_version,
    seconds_as_moments,
    serial_ids,
    stack,
    take,
    words,
)  # fmt: skip

KIND_NAMES = ("建设", "置业", "监理", "设计", "勘察", "专业工程", "劳务", "检测", "机械", "风险管理")
GRADES = {
    "CONTRACTOR": ("SPECIAL", "1", "2", "3"), "OWNER": ("1", "2"), "SUPERVISOR": ("COMPREHENSIVE", "A", "B"),
    "DESIGN": ("COMPREHENSIVE", "A", "B"), "SURVEY": ("A", "B"), "SPECIALIST": ("1", "2", "3"), "LABOUR": ("UNGRADED",),
    "TEST_HOUSE": ("COMPREHENSIVE", "SPECIFIC"), "CRANE": ("1", "2", "3"), "TIS": ("UNGRADED",),
}  # fmt: skip
LICENSED = ("CONTRACTOR", "SPECIALIST", "LABOUR", "CRANE")
YEAR = 365


def enterprise_tables(plan: CityPlan, firms: Enterprises) -> dict[str, Rows]:
    """All tables that hang on enterprises alone."""
    return {
        "enterprises": on_register(plan, _enterprises(plan, firms)),
        "credit_records": on_register(plan, _credit(plan, firms)),
        "aliases": on_register(plan, _aliases(plan, firms)),
        "violations": _violations(plan, firms),
    }


def _enterprises(plan: CityPlan, firms: Enterprises) -> Rows:
    random, count = block_stream(plan, "enterprise facts"), len(firms)
    number = np.arange(count)
    grade = np.concatenate([
        words(GRADES[k], (random.random(len(firms.of_kind(k))) ** 0.8 * len(GRADES[k])).astype(int)).astype("S13") for k in KINDS
    ])  # fmt: skip
    licensed = np.isin(firms.kind, [KINDS.index(k) for k in LICENSED])
    until = plan.first_day + random.integers(0, 3 * YEAR, count)
    rows: Rows = {
        "_key": number,
        "_recorded": np.full(count, plan.first_day * DAY_SECONDS),
        "enterprise_id": firms.codes,
        "name": np.array(
            [f"模拟{KIND_NAMES[k]}有限公司{n + 1:04d}".encode() for n, k in enumerate(firms.kind)]
        ),
        "kind": words(KINDS, firms.kind),
        "qualification_grade": grade,
        "established_on": days_as_dates(plan.first_day - random.integers(200, 12_000, count)),
        "safety_licence_until": days_as_dates(np.where(licensed, until, NONE)),
        "registered_region": words(("上海", "外省市"), (random.random(count) < 0.4).astype(int)),
        "ownership": words(("国有", "民营", "混合", "外资"), (random.random(count) * 4).astype(int)),
    }
    versions = [rows]
    while (until[licensed] < plan.last_day).any():  # extended for three years, on file before it runs out
        due = np.nonzero(licensed & (until < plan.last_day))[0]
        recorded = filed(plan, random, until[due] - 60, "slow")
        until = np.where(licensed, until + 3 * YEAR, until)
        versions.append(later_version(rows, due, {
            "_recorded": np.maximum(recorded, plan.first_day * DAY_SECONDS + 3600),
            "safety_licence_until": days_as_dates(until[due]),
        }))  # fmt: skip
    return _with_renamed(firms, stack(versions))


def _with_renamed(firms: Enterprises, rows: Rows) -> Rows:
    """The new code of a renamed enterprise, with the facts it had, and no more versions of the old one."""
    renamed = firms.renamed_on[rows["_key"]]
    before = (renamed == NONE) | (rows["_recorded"] < renamed * DAY_SECONDS)
    after = take(rows, ~before)
    after["enterprise_id"] = firms.new_codes[after["_key"]]
    after["_key"] = after["_key"] + len(firms)
    first = take(rows, np.nonzero(renamed != NONE)[0])
    first = take(first, np.unique(first["_key"], return_index=True)[1])
    day = firms.renamed_on[first["_key"]]
    heirs = {
        **first,
        "enterprise_id": firms.new_codes[first["_key"]],
        "_recorded": day * DAY_SECONDS + 9 * 3600,
    }
    heirs["name"] = np.array(
        [name.replace("有限公司".encode(), "集团有限公司".encode()) for name in first["name"]] or [b""]
    )[: len(day)]
    heirs["_key"] = first["_key"] + len(firms)
    return stack([take(rows, before), heirs, after])


def _credit(plan: CityPlan, firms: Enterprises) -> Rows:
    """A score every January for two years at most, and discredit records with expiry and repair."""
    random, declared = block_stream(plan, "credit"), plan.declared
    rated = np.nonzero(
        firms.has_record
        & np.isin(firms.kind, [KINDS.index(k) for k in ("CONTRACTOR", "SUPERVISOR", "SPECIALIST")])
    )[0]
    first_year = int(np.int64(plan.first_day).view("M8[D]").astype("M8[Y]").astype(int)) - 1
    last_year = int(np.int64(plan.last_day).view("M8[D]").astype("M8[Y]").astype(int))
    januaries = first_day_of(np.arange(first_year, last_year + 1) * 12)
    enterprise, effective = np.tile(rated, len(januaries)), np.repeat(januaries, len(rated))
    score = declared["enterprises.score_mean"] - declared["enterprises.score_sd"] * firms.poorness[enterprise]
    score = np.clip(score + declared["enterprises.score_noise"] * random.standard_normal(len(score)), 20, 100)
    scores: Rows = {
        "_recorded": filed(plan, random, effective + random.integers(-10, 10, len(score)), "usual"),
        "enterprise_id": firms.code_on(enterprise, effective),
        "scheme_id": constant("SH_CONSTRUCTION", len(score)),
        "effective_from": days_as_dates(effective),
        "score": np.round(score, 1),
        "grade": constant("", len(score)),
        "valid_until": days_as_dates(effective + 2 * YEAR),
    }
    scores["_key"] = np.arange(len(score))
    return stack([scores, _bad_records(plan, firms, random, len(score))])


def _bad_records(plan: CityPlan, firms: Enterprises, random: np.random.Generator, offset: int) -> Rows:
    declared = plan.declared
    rate = declared["enterprises.bad_records_per_year"] * np.exp(
        declared["enterprises.bad_record_exponent"] * firms.poorness
    )
    rate = rate / rate.mean() * declared["enterprises.bad_records_per_year"]
    span = plan.last_day - plan.first_day + YEAR
    enterprise = np.repeat(np.arange(len(firms)), random.poisson(rate * span / 365.25))
    day = plan.first_day - YEAR + random.integers(0, span, len(enterprise))
    _, single = np.unique(enterprise * 100_000 + day, return_index=True)  # one record a day and enterprise
    enterprise, day = enterprise[single], day[single]
    low, high = declared["enterprises.bad_record_days"]
    severity = np.minimum((random.random(len(day)) ** 2 * 3).astype(int), 2)
    until = day + np.minimum(
        low + severity * (high - low) // 3 + random.integers(0, (high - low) // 3, len(day)), high
    )
    rows: Rows = {
        "_key": offset + np.arange(len(day)),
        "_recorded": filed(plan, random, day, "usual"),
        "enterprise_id": firms.code_on(enterprise, day),
        "scheme_id": constant("MOHURD_2020_DRAFT", len(day)),
        "effective_from": days_as_dates(day),
        "score": np.full(len(day), np.nan),
        "grade": words(("C", "B", "A"), severity),  # A is the most serious in this scheme
        "valid_until": days_as_dates(until),
        "repaired_at": seconds_as_moments(np.full(len(day), NONE)),
    }
    repaired = np.nonzero(random.random(len(day)) < declared["enterprises.repaired_share"])[0]
    moment = (day + ((until - day) * random.uniform(0.4, 0.95, len(day))).astype(np.int64))[repaired]
    recorded = filed_after(plan, random, moment, "usual", rows["_recorded"][repaired])
    versions = later_version(
        rows,
        repaired,
        {"_recorded": recorded, "repaired_at": seconds_as_moments(moment * DAY_SECONDS + 36_000)},
    )
    return stack([rows, versions])


def _aliases(plan: CityPlan, firms: Enterprises) -> Rows:
    random = block_stream(plan, "aliases")
    renamed = np.nonzero(firms.renamed_on != NONE)[0]
    day = firms.renamed_on[renamed]
    return {
        "_key": renamed,
        "_recorded": filed(plan, random, day, "usual"),
        "kind": constant("ENTERPRISE", len(day)),
        "old_id": firms.codes[renamed],
        "new_id": firms.new_codes[renamed],
        "effective_on": days_as_dates(day),
    }


def _violations(plan: CityPlan, firms: Enterprises) -> Rows:
    """Violations of enterprises that hang on no site: subcontracting, permits, qualifications."""
    random, declared = block_stream(plan, "enterprise violations"), plan.declared
    rate = declared["enterprises.own_violations_per_year"] * np.exp(
        declared["enterprises.bad_record_exponent"] * firms.poorness
    )
    days = plan.last_day - plan.first_day + 1
    enterprise = np.repeat(np.arange(len(firms)), random.poisson(rate * days / 365.25))
    day = plan.first_day + random.integers(0, days, len(enterprise))
    count = len(day)
    penalised = random.random(count) < 0.4
    return {
        "_happened": day,
        "_recorded": filed(plan, random, day, "usual"),
        "violation_id": serial_ids("E", 0, count),
        "found_on": days_as_dates(day),
        "enterprise_id": firms.code_on(enterprise, day),
        "category": words(("SUBCONTRACT", "QUALIFICATION", "PROC", "FALSE_TEST"), (random.random(count) * 4).astype(int)),
        "severity": words(("general", "serious"), (random.random(count) < 0.3).astype(int)),
        "item_count": np.ones(count),
        "disposal": words(("CIRCULAR", "PENALTY"), penalised.astype(int)),
        "penalty_cny10k": np.where(penalised, np.round(5 * np.exp(0.6 * random.standard_normal(count)), 1), np.nan),
    }  # fmt: skip
