"""Asks a running service thousands of things that its OpenAPI description allows, and that it does not (schemathesis, all checks).

    SITERISK_KEY=sr_… python benchmarks/described_calls.py http://127.0.0.1:3000 --project P000017 [--cases 500]

It posts rows and decisions: for an installation on trial, with a key of the role manage for the whole city that may call as
often as it likes. Prints a last line of JSON: `requests`, `seconds`; ends with what was not as described, if anything was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from data_contracts.contract import contracts  # noqa: E402
from serving.command_line.service_process import post_json  # noqa: E402
from tests.described_calls import ask_as_described  # noqa: E402


def main() -> None:
    """Ask, and say how much was asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--project", required=True, help="one on record")
    parser.add_argument("--cases", type=int, default=500, help="of each call, half of them not allowed")
    given = parser.parse_args()
    key, ids = os.environ["SITERISK_KEY"], [given.project, "no-such-lot"]
    results = post_json(f"{given.url}/v1/grades", {"project_ids": ids}, key=key)["results"]
    known = {
        "decision_id": [one["decision_id"] for one in results],
        "table": sorted(contracts()),
        "project_id": ids,
        "project_ids": [ids],
        "as_of": [None],
    }
    begun = time.perf_counter()
    asked = ask_as_described(given.url, key, known, given.cases)
    print(json.dumps({"requests": asked, "seconds": round(time.perf_counter() - begun, 1)}))


if __name__ == "__main__":
    main()
