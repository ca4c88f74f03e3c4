"""A city made up from a seed: contract tables as the station would hold them, and its hidden truth apart.

What decides the city is declared in `city.yaml`; docs/synthetic_city.md explains it. Whatever is measured
on such a city is simulated, and says so.
"""

from data_contracts.synthetic_city.city import write_city
from data_contracts.synthetic_city.comparison import compare_with_domain, comparison_json, comparison_text
from data_contracts.synthetic_city.declaration import declaration_hash, load_declaration
from data_contracts.synthetic_city.truth import (
    Truth,
    expected_accidents,
    read_truth,
    serious_probability,
    serious_rate,
    true_hazard,
)  # fmt: skip

__all__ = [
    "Truth",
    "compare_with_domain",
    "comparison_json",
    "comparison_text",
    "declaration_hash",
    "expected_accidents",
    "load_declaration",
    "read_truth",
    "serious_probability",
    "serious_rate",
    "true_hazard",
    "write_city",
]
