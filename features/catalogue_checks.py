"""What a declared feature may not say: every fault of a catalogue, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data_contracts.code_list import code_list
from data_contracts.contract import Column, TableContract, contracts
from features.feature import (
    BY_POLICY,
    ELSEWHERE,
    FAMILIES,
    GROUPS,
    MEASURES,
    RATIO,
    SAYS,
    SCOPES,
    SITE,
    FactRule,
    Feature,
)

_TIMES = ("date", "moment")
_NEED_COLUMN = ("sum", "sum_days", "latest", "shortfall", "highest", "change", "days_until", "delay_days")
_LONGEST_REASON = 40  # DOMAIN 6.2: a reason has at most 40 characters
_LONGEST_FACT = 30  # what is left of it where "，较同类项目风险偏高" follows
_ESTIMATE = ("估计", "estimated")


def faults_of(features: Sequence[Feature], rules: Mapping[str, FactRule]) -> list[str]:
    """All faults of the features and of the rules by which tables are read."""
    faults = [fault for rule in rules.values() for fault in _rule_faults(rule)]
    by_name: dict[str, Feature] = {}
    for feature in features:
        if feature.name in by_name:
            faults.append(f"{feature.name}: declared twice")
        by_name[feature.name] = feature
    for feature in features:
        checks = (
            _wording(feature),
            _naming(feature),
            _ratio(feature, by_name),
            _table(feature, rules),
            _shape(feature),
            _model(feature, by_name),
        )
        faults += [f"{feature.name}: {fault}" for check in checks for fault in check]
    return faults


def _rule_faults(rule: FactRule) -> Iterator[str]:
    table = contracts().get(rule.table)
    if table is None:
        yield f"facts: there is no table {rule.table}"
        return
    if rule.named not in ("instead", "beside"):
        yield f"facts: {rule.table} says named: {rule.named}, not instead or beside"
    if rule.held not in ("on_the_day", "at_completion"):
        yield f"facts: {rule.table} says held: {rule.held}, not on_the_day or at_completion"
    for column in filter(None, (rule.since, *rule.ends_by, *rule.expires_by)):
        if column not in table.column_names or table.column(column).kind not in _TIMES:
            yield f"facts: {rule.table} has no date or moment {column}"
    for column in (*rule.superseded_within, *(["project_id"] if rule.ends_with_project else [])):
        if column not in table.column_names:
            yield f"facts: {rule.table} has no column {column}"


def _wording(feature: Feature) -> Iterator[str]:
    if feature.family not in FAMILIES:
        yield f"family {feature.family} is none of {'、'.join(FAMILIES)}"
    if feature.measure not in MEASURES:
        yield f"there is no measure {feature.measure}"
    low, high = feature.range
    if low is not None and high is not None and low >= high:
        yield f"range {low} to {high} is empty"
    if len(feature.reason_zh) > _LONGEST_REASON:
        yield f"reason_zh has more than {_LONGEST_REASON} characters"
    if feature.shrunk and not (_ESTIMATE[0] in feature.reason_zh and _ESTIMATE[1] in feature.reason_en):
        yield f"a rate that is drawn toward a group's is {_ESTIMATE[0]} and {_ESTIMATE[1]} in its reasons"
    if feature.speaks_of not in ("high", "low"):
        yield f"speaks_of is {feature.speaks_of}, not high or low"
    if feature.window_days is not None and feature.window_days < 1:
        yield "window_days is below 1"
    if feature.measure in ("trend", "change", "exposure_days") and not feature.window_days:
        yield f"a {feature.measure} needs window_days"


def _naming(feature: Feature) -> Iterator[str]:
    """How the fact is named."""
    for word, texts in feature.says.items():
        if word not in SAYS:
            yield f"says has no {word}, it has {', '.join(SAYS)}"
        elif len(texts) != 2 or not all(isinstance(text, str) and text for text in texts):
            yield f"says of {word} is no text in Chinese and one in English"
        elif len(texts[0]) > _LONGEST_FACT:
            yield f"says of {word} has more than {_LONGEST_FACT} characters"
    if feature.is_yes_or_no != {"so", "not_so"}.issubset(feature.says) and feature.in_model:
        yield "so and not_so are said of what is 0 or 1, and of nothing else"


def _shape(feature: Feature) -> Iterator[str]:
    """Words that only go with others."""
    if feature.measure in _NEED_COLUMN and feature.column is None:
        yield f"{feature.measure} needs a column"
    if feature.measure == "shortfall" and feature.over is None:
        yield "shortfall needs over"
    if feature.measure == "exposure_days" and len(feature.until) != 1:
        yield "exposure_days needs one column under until"
    if (feature.measure == "missing_columns") != bool(feature.counted):
        yield "missing_columns, and nothing else, has counted"
    if feature.not_open_when and feature.measure != "exposure_days":
        yield "not_open_when goes with exposure_days only"
    if list(feature.steps) != sorted(set(feature.steps)):
        yield f"steps {', '.join(map(str, feature.steps))} do not rise"
    if (feature.steps or feature.shrunk) and not feature.reference:
        yield "steps and strengths need a reference, or the word illustrative"


def _ratio(feature: Feature, by_name: Mapping[str, Feature]) -> Iterator[str]:
    if (feature.measure == RATIO) != bool(feature.numerator and feature.denominator):
        yield "a ratio, and nothing else, has numerator and denominator"
    for part in feature.parts:
        if part not in by_name or by_name[part].measure == RATIO:
            yield f"{part} is not a feature other than a ratio"
    if feature.measure != RATIO and (feature.shrunk or feature.per != 1):
        yield "per and shrunk go with a ratio only"
    if feature.per <= 0 or (feature.shrunk and feature.shrunk.strength <= 0):
        yield "per and strength must be above 0"


def _table(feature: Feature, rules: Mapping[str, FactRule]) -> Iterator[str]:
    if feature.table is None:
        if feature.measure not in (RATIO, *BY_POLICY, "season_sine", "season_cosine"):
            yield "names no table"
        return
    table = contracts().get(feature.table)
    if table is None or feature.table not in rules:
        yield f"{feature.table} is not a contract table with a rule under facts"
        return
    strangers = [column for column in feature.columns if column not in table.column_names]
    if strangers:
        yield f"{feature.table} has no column {', '.join(strangers)}"
        return
    yield from _subject(feature, table)
    yield from _columns(feature, table)
    for column, wanted in feature.where.items():
        yield from _filter(table.column(column), wanted)


def _subject(feature: Feature, table: TableContract) -> Iterator[str]:
    if feature.role and feature.group:
        yield "speaks of a role and of a group"
    if feature.scope not in SCOPES or (feature.scope == SITE) != (feature.subject is None):
        yield f"scope {feature.scope} does not go with role {feature.role} and group {feature.group}"
    if feature.role is not None and feature.role not in code_list("roles").codes:
        yield f"there is no role {feature.role}"
    if feature.subject is None and "project_id" not in table.column_names:
        yield f"{table.name} says nothing of a site; name a role or group"
    if feature.role is not None and not {"project_id", "enterprise_id"} & set(table.column_names):
        yield f"{table.name} says nothing of an enterprise"
    if feature.scope == ELSEWHERE and "project_id" not in table.column_names:
        yield f"{table.name} cannot tell other projects apart"
    if feature.group is not None:
        yield from _group(feature.group, table)


def _group(group: str, table: TableContract) -> Iterator[str]:
    if group not in GROUPS:
        yield f"there is no group {group}"
        return
    _, home, column = GROUPS[group]
    through_project = home == "projects" and "project_id" in table.column_names
    if column and column not in table.column_names and not through_project:
        yield f"{table.name} does not say in which {group} its facts are"


def _columns(feature: Feature, table: TableContract) -> Iterator[str]:
    compared = (*feature.no_later, *feature.no_later.values(), *(feature.ends_by or ()))
    times = [*filter(None, (feature.since, feature.counts_from)), *feature.until, *compared]
    numbers = [*feature.above_zero, *([feature.over] if feature.over else [])]
    if feature.column and not feature.among:
        dated = feature.measure.startswith("days_") or feature.measure in ("sum_days", "delay_days")
        (times if dated else numbers).append(feature.column)
    for name in times:
        if table.column(name).kind not in _TIMES:
            yield f"{name} is not a date or moment"
    for name in numbers:
        kind = table.column(name).kind
        ranked = kind == "code" and feature.measure in ("latest", "highest") and feature.ranks
        if kind not in ("integer", "number", "boolean") and not ranked:
            yield f"{name} is not a number, nor a code with ranks"
    if feature.among:
        yield from _filter(table.column(str(feature.column)), feature.among)
    for name, values in feature.not_open_when.items():
        yield from _filter(table.column(name), values)


def _filter(column: Column, wanted: tuple[str | bool, ...]) -> Iterator[str]:
    for value in wanted:
        if column.kind == "boolean" and not isinstance(value, bool):
            yield f"{column.name} is true or false, not {value!r}"
        if column.code_list and value not in code_list(column.code_list).codes and value != "OTHER":
            yield f"the list {column.code_list} has no code {value!r}"


def _model(feature: Feature, by_name: Mapping[str, Feature]) -> Iterator[str]:
    """Audit-only columns and weather may be computed, never learned from."""
    if not feature.in_model:
        return
    if feature.measure in (*BY_POLICY, "input_state"):
        yield "is computed by a policy: a new policy would change the inputs of a fitted model"
    parts = [by_name[part] for part in feature.parts if part in by_name]
    for one in [feature, *parts]:
        table = contracts().get(one.table or "")
        if one.table == "weather_warnings":
            yield "weather is not an input of a model (it is a 72-hour alert)"
        for name in one.columns:
            if table is not None and name in table.column_names and table.column(name).audit_only:
                yield f"{name} is audit-only and may not be used in a model"
