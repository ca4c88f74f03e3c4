"""A generated city beside the figures it was made after: `compare_with_domain` and its two printed forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from data_contracts.synthetic_city.city_figures import Figure, figures_of
from data_contracts.synthetic_city.city_tables import read_city
from data_contracts.synthetic_city.truth import read_truth

REFERENCES = Path(__file__).parent / "comparison.yaml"
COLUMNS = ("figure", "zh", "en", "generated", "reference", "low", "high", "within", "source")


def compare_with_domain(out: str | Path) -> pd.DataFrame:
    """Generated rates of the city in `out` beside those it was made after, one line a figure.

    Columns: figure, zh, en, generated, reference, low and high (where chance may put it, given how many
    events it rests on), within, source with its mark (V read, V2 read in a copy, D derived, I illustrative,
    C calibrated). `attrs["city"]` is the city's passport. Figures that rest on nothing in a small city are
    missing (NaN) and not within. Raises SourceUnreadable for a folder without a city or without truth.
    """
    truth, references = read_truth(out), yaml.safe_load(REFERENCES.read_text(encoding="utf-8"))
    figures = figures_of(truth, read_city(out))
    lines = [_line(name, references[name], figure) for name, figure in figures.items()]
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    table.attrs["city"] = truth.city
    return table


def comparison_text(table: pd.DataFrame) -> str:
    """The comparison as lines for a terminal, with the declaration's hash and the word simulated."""
    city = table.attrs["city"]
    head = f"模拟城市 simulated city · seed {city['seed']} · city.yaml sha256 {city['declaration_sha256']}"
    lines = [
        f"{' ' if row.within else '!'} {row.generated:12.4g} {row.reference:12.4g}  {row.zh} · {row.en}  [{row.source}]"
        for row in table.itertuples()
    ]
    return "\n".join([head, f"  {'generated':>12} {'reference':>12}", *lines])


def comparison_json(table: pd.DataFrame) -> str:
    """The comparison as one JSON object, for machines."""
    finite = table.replace([np.inf, -np.inf], np.nan)  # JSON knows no infinity: no limit is null
    lines = finite.astype(object).where(finite.notna(), None).to_dict("records")
    return json.dumps({"simulated": True, "city": table.attrs["city"], "lines": lines}, ensure_ascii=False)


def _line(name: str, known: dict[str, Any], figure: Figure) -> tuple[Any, ...]:
    reference = float(figure.reference if known["reference"] in ("declared", "truth") else known["reference"])
    chance = 3 / np.sqrt(figure.events) if figure.events > 0 else np.inf
    if "within" in known:
        low, high = reference - known["within"], reference + known["within"]
    elif "at_least" in known:
        low, high = reference * known["at_least"], np.inf
    else:
        low, high = (
            reference * (1 - known["tolerance"] - chance),
            reference * (1 + known["tolerance"] + chance),
        )
    value = float("nan") if pd.isna(figure.value) else float(figure.value)
    within = bool(low <= value <= high)
    return name, known["zh"], known["en"], value, reference, low, high, within, known["source"]
