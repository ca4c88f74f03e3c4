"""The page of a training: one HTML file that a director can read without a network, a notebook or a script.

It is made from the passport alone. Chinese comes first; English is at a switch that needs no script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from features.catalogue import load_catalogue
from training.origin_sections import checks_section, choice_section, importance_section, split_section
from training.quality_sections import (
    Finding,
    calibration_section,
    capacity_section,
    counts_sentence,
    stability_section,
    verdict_against_rules,
)
from training.report_parts import Said, Section, Table, day, figure
from training.slice_sections import audit_section, failing_section, selection_section

TEMPLATES = Path(__file__).parent
SIMULATED = Said("模拟", "Simulated")
NOT_FOR = (
    Said(
        "结果是监督检查的辅助建议（检查建议），不是违法违规行为的认定。",
        "The output is advice for the inspection plan (检查建议), never a finding.",
    ),
    Said(
        "不得据此处罚，也不得单凭它开展专项整治。",
        "It is no ground for a penalty and triggers no campaign by itself.",
    ),
    Said("不得用于给企业或个人排名、评价。", "It must not be used to rank or to appraise firms or persons."),
    Said(
        "分数高不叫“重大事故隐患”：那是依法判定的结论。",
        "A high score is never called 重大事故隐患, which is a finding under the law.",
    ),
    Said(
        "没有记录是“信息不足”，不是低风险。",
        "A site without records is “not enough information”, not one of low risk.",
    ),
    Said(
        "各项数字只对所列测试日期成立；此后是否仍然成立，须用新数据再评价。不给出“准确率”：结果罕见，一处都不报也有很高的准确率。",
        "The figures hold for the dates of the test alone; whether they hold later has to be judged on later data. No accuracy is given: "
        "outcomes are rare, and naming no site at all would be highly accurate.",
    ),
)


@dataclass(frozen=True)
class HeadReport:
    """All there is to say about one head; the verdict comes first."""

    name: str
    title: Said
    description: str
    verdict: Finding
    basis: Said
    sections: list[Section]


def training_page(passport: Mapping[str, Any]) -> str:
    """The page of a training as one HTML text; figures that are not there are told as such.

    Where the passport says `simulated`, the title and the first line say so too.
    """
    heads = [head_report(name, passport["heads"][name]) for name in passport["heads"]]
    template = _environment().get_template("training_page.html.jinja")
    return template.render(
        passport=passport,
        simulated=SIMULATED if passport.get("simulated") else None,
        until=day(passport.get("until")),
        heads=heads,
        left_out=passport.get("heads_left_out") or {},
        warnings=passport.get("warnings") or {},
        not_for=NOT_FOR,
        versions=versions_table(passport),
        style=(TEMPLATES / "training_page.css").read_text(encoding="utf-8"),
    )


def head_report(name: str, head: Mapping[str, Any]) -> HeadReport:
    """The sections about a head in the order in which a reader asks."""
    metrics, definition = head.get("metrics") or {}, head.get("definition") or {}
    key = f"head-{name}"
    return HeadReport(
        name=name,
        title=Said(definition.get("title_zh", name), definition.get("title_en", name)),
        description=definition.get("description", ""),
        verdict=verdict_against_rules(metrics),
        basis=counts_sentence(metrics),
        sections=[
            capacity_section(metrics, key),
            calibration_section(metrics, key),
            failing_section(metrics),
            audit_section(metrics),
            selection_section(metrics, definition),
            stability_section(metrics),
            checks_section(head),
            split_section(head, key),
            choice_section(head),
            importance_section(head, feature_labels()),
        ],
    )


@cache
def feature_labels() -> dict[str, Said]:
    """What the features of today's catalogue are called."""
    return {one.name: Said(one.label_zh, one.label_en) for one in load_catalogue().features}


def versions_table(passport: Mapping[str, Any]) -> Table:
    """From what the training was made: fingerprints, versions, seed."""
    entries = {
        Said("数据截至", "records until"): passport.get("until"),
        Said("训练时间", "trained at"): passport.get("created_at"),
        Said("记录快照 sha256", "sha256 of the snapshot of records"): passport.get("snapshot_sha256"),
        Said("记录库版本", "version of the record store"): passport.get("store_version"),
        Said("数据契约版本", "version of the contracts"): passport.get("contract_version"),
        Said("特征目录 sha256", "sha256 of the feature catalogue"): passport.get("catalogue_sha256"),
        Said("特征数", "number of features"): len(passport.get("features") or []),
        Said("代码版本", "revision of the code"): passport.get("git_revision"),
        Said("随机种子", "seed"): passport.get("seed"),
    }
    libraries = {Said(name, name): number for name, number in (passport.get("libraries") or {}).items()}
    return Table(
        Said("版本与指纹", "Versions and fingerprints"),
        (Said("项目", "what"), Said("值", "value")),
        [(name, "–" if value is None else str(value)) for name, value in {**entries, **libraries}.items()],
        texts=frozenset({0, 1}),
    )


def calibration_numbers(head: Mapping[str, Any]) -> str:
    """The two numbers that make log-odds a risk, as text."""
    numbers = head.get("calibration") or {}
    return f"sigmoid({figure(numbers.get('slope'))} × log-odds + {figure(numbers.get('intercept'))})"


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
