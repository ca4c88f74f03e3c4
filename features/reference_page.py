"""The reference page of the features, `docs/features.md`, written from the catalogue alone.

`python -m features.reference_page` writes it; a test holds that the committed page is current.
"""

from __future__ import annotations

from pathlib import Path

from data_contracts.code_list import code_list
from features.catalogue import Catalogue, load_catalogue
from features.feature import ELSEWHERE, FAMILIES, GROUPS, MEASURES, RATIO, Feature

PAGE = Path(__file__).parents[1] / "docs" / "features.md"
_DIRECTIONS = {1: "raises the risk", -1: "lowers the risk", 0: "—"}

INTRODUCTION = """\
# Features

The {count} features of catalogue {version}, of which {in_model} may be used in a model, in the nine families of the
trade. This page is written from `features/catalogue.yaml`; after a change there, `python -m features.reference_page`
writes it anew. SHA-256 of the declaration: `{hash}`.

A feature at `as_of` sees a fact from the later of the day it happened and the moment it was on file, until it is
revoked, repaired, expired, corrected or withdrawn; a closing counts from the later of its own day and the moment the
version that carries it was on file. A window of *n* days holds the facts of day *d* while `as_of` is before *d* + *n*.

Features of a role speak of the enterprise that holds it on the site at `as_of` (of several, the one that joined
last). An event of a site belongs to every enterprise that held the role on the day it happened, once each.
*elsewhere* leaves out the events of the site asked about. Where a row names the party answerable, it is that one's:
instead of the holder of the role for violations, beside it for accidents. A defect, and a delivered area, belong to
whoever held the role at completion.

Features of a group speak of the whole city, of the district or category that the site's version in force names, or
of the agency or team of its latest visit. A rate *drawn toward* a group's is
(numerator + weight × the group's rate) / (denominator + weight), both as known at `as_of`, so that a single visit does
not make a rate of its own.

*Expected* is the direction in which a larger value can move the risk; models are held to it. *Can be gamed* marks
what a site could make look better without being safer. *Never shown as a reason*: computed and, unless said otherwise,
learned from, but not printed (the district, the strictness of a team). Features not used in a model serve baselines, audits and as
denominators: how much an enterprise builds is a denominator, never a feature.
"""


def reference_page(catalogue: Catalogue | None = None) -> str:
    """The page as Markdown."""
    catalogue = catalogue or load_catalogue()
    parts = [
        INTRODUCTION.format(
            count=len(catalogue.features),
            in_model=len(catalogue.names),
            version=catalogue.version,
            hash=catalogue.hash,
        )
    ]
    for family, english in FAMILIES.items():
        members = [feature for feature in catalogue.features if feature.family == family]
        parts.append(f"## {family} · {english}\n")
        parts.append("| feature | 中文 | English | computed as | expected | missing means |")
        parts.append("| --- | --- | --- | --- | --- | --- |")
        parts += [_line(feature) for feature in members]
        parts.append("")
    parts.append("## Measures\n")
    parts += [f"- `{word}`: {meaning}" for word, meaning in MEASURES.items()]
    return "\n".join(parts) + "\n"


def _line(feature: Feature) -> str:
    notes = [] if feature.in_model else ["not in models"]
    notes += ["can be gamed"] if feature.gameable else []
    notes += [] if feature.in_reasons else ["never shown as a reason"]
    name = f"`{feature.name}`" + (f" ({'; '.join(notes)})" if notes else "")
    unit = f"，{feature.unit}" if feature.unit else ""
    cells = (
        name,
        feature.label_zh + unit,
        feature.label_en,
        computed_as(feature),
        _DIRECTIONS[feature.direction],
        feature.missing,
    )
    return f"| {' | '.join(cells)} |"


def in_words(feature: Feature) -> dict[str, str]:
    """What a reader of a value has to know: its labels, unit, what missing means and how it is computed."""
    return {
        "label_zh": feature.label_zh,
        "label_en": feature.label_en,
        "unit": feature.unit,
        "missing": feature.missing,
        "computed_as": computed_as(feature),
    }


def computed_as(feature: Feature) -> str:
    """The declaration in one line, in the words of the catalogue."""
    if feature.measure == RATIO:
        return _rate(feature)
    if feature.table is None:
        return MEASURES[feature.measure]
    of = f" {feature.column}" if feature.column else ""
    of += f" / {feature.over}" if feature.over else ""
    of += f" of distinct {' and '.join(feature.distinct)}" if feature.distinct else ""
    of += f" among {', '.join(feature.among)}" if feature.among else ""
    of += f" in classes from {', '.join(map(str, feature.steps))}" if feature.steps else ""
    of += f" of {', '.join(feature.counted)}" if feature.counted else ""
    said = [f"{feature.measure}{of} in {feature.table}", *_conditions(feature)]
    if feature.role:
        where = " on its other projects" if feature.scope == ELSEWHERE else ""
        said.append(f"of the {code_list('roles').codes[feature.role].en}{where}")
    if feature.group:
        where = ", without the site itself" if feature.scope == ELSEWHERE else ""
        said.append(f"of {GROUPS[feature.group][0]}{where}")
    return "; ".join(said)


def _rate(feature: Feature) -> str:
    said = f"`{feature.numerator}` / `{feature.denominator}`"
    said += f" per {feature.per:g}" if feature.per != 1 else ""
    if drawn := feature.shrunk:
        said += f", drawn toward `{drawn.numerator}` / `{drawn.denominator}` with the weight of {drawn.strength:g}"
    return said


def _conditions(feature: Feature) -> list[str]:
    said = [f"{column}: {' or '.join(map(_word, values))}" for column, values in feature.where.items()]
    said += [f"with {' and '.join(feature.needs)}"] if feature.needs else []
    said += [f"with {' and '.join(feature.above_zero)} above 0"] if feature.above_zero else []
    said += [f"{early} not after {late}" for early, late in feature.no_later.items()]
    said += [f"from {feature.since}"] if feature.since else []
    said += [f"not before {feature.counts_from}"] if feature.counts_from else []
    said += [f"until {' or '.join(feature.until)}"] if feature.until else []
    said += [f"{feature.window_days} days"] if feature.window_days else []
    return said + ([f"and {feature.lingers_days} days after its end"] if feature.lingers_days else [])


def _word(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference_page(), encoding="utf-8")
