"""The contract tables: one Open Data Contract Standard file a table, read into plain objects.

The YAML under `contracts/` is the one declaration. What the standard (v3.1) has no field for stands in
`customProperties`: `titleZh`, `unit`, `codeList`, `closing`, `bareDate`, `granularity`, `listOf` and
`auditOnly` of a column, `enforced` of a relationship, `happened` of a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)

from data_contracts.errors import ContractInvalid, NotFound

CONTRACT_FOLDER = Path(__file__).parent / "contracts"

Kind = Literal["text", "code", "integer", "number", "boolean", "date", "moment"]
Enforced = Literal["always", "when_delivered"]
Severity = Literal["error", "warning"]

_KIND_OF_LOGICAL_TYPE: dict[str, Kind] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "moment",
}


@dataclass(frozen=True)
class Reference:
    """The parent column a value must be found in; `when_delivered`: only if the parent table has rows."""

    table: str
    column: str
    enforced: Enforced


@dataclass(frozen=True)
class Column:
    """One column of a contract table; None where the contract says nothing."""

    name: str
    kind: Kind
    title_zh: str
    title_en: str
    description: str
    required: bool
    unit: str | None
    minimum: float | None
    maximum: float | None
    max_length: int | None
    pattern: str | None
    code_list: str | None
    reference: Reference | None
    is_closing: bool
    audit_only: bool
    bare_date: Literal["start", "end"]
    granularity: Literal["day", "month"] = "day"
    list_of: str | None = None


@dataclass(frozen=True)
class TableRule:
    """A rule over several columns, or one the standard cannot say; `options` are the rule's numbers."""

    code: str
    kind: str
    columns: tuple[str, ...]
    severity: Severity
    zh: str
    en: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class TableContract:
    """One table: its columns in order, its natural key, its rules; `happened` names the event's day."""

    name: str
    title_zh: str
    title_en: str
    description: str
    version: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[TableRule, ...]
    happened: str | None

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`; raises NotFound for any other name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise NotFound(
            zh=f"表 {self.name} 没有字段 {name}。", en=f"Table {self.name} has no column {name}.", field=name
        )


def contract(name: str) -> TableContract:
    """The contract of one table; raises NotFound for an unknown name.

    >>> contract("violations").key
    ('violation_id',)
    """
    if name not in contracts():
        raise NotFound(
            zh=f"没有名为 {name} 的数据表，可用的表：{'、'.join(contracts())}。",
            en=f"There is no table {name}. Tables: {', '.join(contracts())}.",
            field=name,
        )
    return contracts()[name]


def contracts() -> dict[str, TableContract]:
    """All contract tables by name, parents before children."""
    return dict(_load_set(CONTRACT_FOLDER)[1])


def contract_set_version() -> str:
    """Version of the contracts taken together, stored beside every row.

    >>> contract_set_version().count(".")
    2
    """
    return _load_set(CONTRACT_FOLDER)[0]


@cache
def _load_set(folder: Path) -> tuple[str, dict[str, TableContract]]:
    """Version and tables of a folder of contracts; raises ContractInvalid if they contradict each other."""
    listed = read_yaml(folder / "contract_set.yaml")
    tables: dict[str, TableContract] = {}
    for name in listed["tables"]:
        loaded = load_contract(folder / f"{name}.odcs.yaml")
        for column in loaded.columns:
            parent = column.reference
            if parent and (
                parent.table not in tables or parent.column not in tables[parent.table].column_names
            ):
                raise _invalid(
                    f"{name}.{column.name}", f"refers to {parent.table}, which does not come before it"
                )
        tables[name] = loaded
    strays = {path.name for path in folder.glob("*.odcs.yaml")} - {f"{name}.odcs.yaml" for name in tables}
    if strays:
        raise _invalid("contract_set.yaml", f"does not list {sorted(strays)}")
    return str(listed["version"]), tables


def load_contract(path: Path) -> TableContract:
    """The table declared in one ODCS file; raises ContractInvalid with the file and what is wrong in it."""
    try:
        document = OpenDataContractStandard.model_validate(read_yaml(path))
    except ValueError as error:
        raise _invalid(path.name, str(error)) from error
    if document.kind != "DataContract" or len(document.schema_ or []) != 1:
        raise _invalid(path.name, "must be a DataContract with one schema")
    return _table(document, (document.schema_ or [])[0], path.name)


def read_yaml(path: Path) -> Any:
    """A YAML document of this package; the C parser is used where PyYAML has it (ten times faster)."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)


def _table(document: OpenDataContractStandard, declared: SchemaObject, where: str) -> TableContract:
    extra = _custom(declared.customProperties)
    properties = declared.properties or []
    columns = tuple(_column(declared_column, where) for declared_column in properties)
    positions = {p.primaryKeyPosition or 0: str(p.name) for p in properties if p.primaryKey}
    if sorted(positions) != list(range(1, len(positions) + 1)) or not positions:
        raise _invalid(where, f"key positions are {sorted(positions)}")
    table = TableContract(
        name=str(declared.name),
        title_zh=_needed(extra.get("titleZh"), where, "titleZh"),
        title_en=_needed(declared.businessName, where, "businessName"),
        description=declared.description or "",
        version=_needed(document.version, where, "version"),
        key=tuple(positions[position] for position in sorted(positions)),
        columns=columns,
        rules=tuple(_rule(rule, where) for rule in declared.quality or []),
        happened=extra.get("happened"),
    )
    named = [table.happened] if table.happened else []
    named += [column for rule in table.rules for column in rule.columns]
    if missing := set(named) - set(table.column_names):
        raise _invalid(where, f"names columns it does not have: {sorted(missing)}")
    return table


def _column(declared: SchemaProperty, where: str) -> Column:
    where = f"{where}: {declared.name}"
    extra, options = _custom(declared.customProperties), declared.logicalTypeOptions or {}
    kind = _KIND_OF_LOGICAL_TYPE.get(declared.logicalType or "")
    if kind is None:
        raise _invalid(where, f"logicalType {declared.logicalType} is not used here")
    return Column(
        name=_needed(declared.name, where, "name"),
        kind="code" if "codeList" in extra else kind,
        title_zh=_needed(extra.get("titleZh"), where, "titleZh"),
        title_en=_needed(declared.businessName, where, "businessName"),
        description=declared.description or "",
        required=bool(declared.required),
        unit=extra.get("unit"),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        max_length=options.get("maxLength"),
        pattern=options.get("pattern"),
        code_list=extra.get("codeList"),
        reference=_reference(declared, where),
        is_closing=bool(extra.get("closing", False)),
        audit_only=bool(extra.get("auditOnly", False)),
        bare_date=extra.get("bareDate", "start"),
        granularity=extra.get("granularity", "day"),
        list_of=extra.get("listOf"),
    )


def _reference(declared: SchemaProperty, where: str) -> Reference | None:
    if not declared.relationships:
        return None
    relationship = declared.relationships[0]
    table, _, column = str(relationship.to).partition(".")
    enforced: Any = _custom(relationship.customProperties).get("enforced")
    if enforced not in get_args(Enforced) or len(declared.relationships) > 1:
        raise _invalid(where, f"relationship to {relationship.to} must say enforced: {get_args(Enforced)}")
    return Reference(table=table, column=column, enforced=enforced)


def _rule(declared: DataQuality, where: str) -> TableRule:
    """A rule of the `quality` list; its English sentence is the standard's `description`."""
    where = f"{where}: {declared.name}"
    if (
        declared.type != "custom"
        or declared.engine != "siterisk"
        or not isinstance(declared.implementation, dict)
    ):
        raise _invalid(where, "is not a custom rule of the engine siterisk")
    options = dict(declared.implementation)
    if declared.severity not in get_args(Severity):
        raise _invalid(where, f"severity must be one of {get_args(Severity)}")
    return TableRule(
        code=_needed(declared.name, where, "name"),
        kind=_needed(options.pop("kind", None), where, "kind"),
        columns=tuple(options.pop("columns", ())),
        severity=declared.severity,  # type: ignore[arg-type]
        zh=_needed(options.pop("zh", None), where, "zh"),
        en=_needed(declared.description, where, "description"),
        options=options,
    )


def _custom(properties: list[CustomProperty] | None) -> dict[str, Any]:
    return {str(one.property): one.value for one in properties or []}


def _needed(value: str | None, where: str, what: str) -> str:
    if not value:
        raise _invalid(where, f"{what} is missing")
    return value


def _invalid(where: str, what: str) -> ContractInvalid:
    return ContractInvalid(
        zh=f"数据契约有误（{where}）：{what}。", en=f"The contract is wrong ({where}): {what}."
    )
