"""监督系统调用评估接口的示例，只用 Python 标准库，只依据 docs/api.md。

A supervision system that calls the scoring API: written from docs/api.md alone, with the standard library alone. It posts a
hazard, asks for the grade with its reasons, supposes the hazard rectified, sets a colour with its reason, and has the
first answer computed again. It needs a key of the role manage in SITERISK_KEY:

    SITERISK_KEY=sr_… python docs/client_example.py http://127.0.0.1:3000 P000017
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

TRY_AGAIN = (429, 503, 504)
TRIES = 5
COLOURS = ("BLUE", "YELLOW", "ORANGE", "RED")


class Refused(Exception):
    """The service refused a call; the message says why in both languages."""


def call(path: str, content: Any = None, *, method: str = "POST") -> Any:
    """The answer of one call; asked again as it was while the service is busy, as every call may be."""
    body = None if content is None else json.dumps(content, ensure_ascii=False).encode()
    headers = {"Authorization": f"Bearer {os.environ['SITERISK_KEY']}", "Content-Type": "application/json"}
    request = urllib.request.Request(sys.argv[1] + path, data=body, headers=headers, method=method)
    for attempt in range(TRIES):
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            told = json.load(error)["error"]
            if error.code not in TRY_AGAIN or attempt == TRIES - 1:
                raise Refused(
                    f"{error.code} {told['code']}: {told['message_zh']} {told['message_en']}"
                ) from None
            time.sleep(float(error.headers.get("Retry-After", 1)))
    raise AssertionError("unreachable")


def main(project_id: str) -> None:
    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date().isoformat()
    hazard = {
        "violation_id": f"EXAMPLE-{uuid.uuid4()}",
        "project_id": project_id,
        "found_on": today,
        "severity": "serious",
        "item_count": 2,
    }
    taken = call("/v1/records/violations", {"rows": [hazard], "source": "client_example"})
    print("报送 posted:", taken["stored"], "row, store version", taken["store_version"], taken["rows"])

    site = call("/v1/grades", {"project_ids": [project_id], "reasons": True})["results"][0]
    grade = site["dynamic_grade"]
    print("风险 risks:", site["risks"], "百分位 percentile:", site["percentile"])
    print("数据 data:", site["data_quality"], "固有 inherent:", site["inherent_grade"])
    print("动态 dynamic:", grade and (grade["colour"], grade["confirmation"], grade["rule"]["zh"]))
    print("频次 frequency:", site["frequency"])
    for head, reasons in (site["reasons"] or {}).items():
        print(
            f"  {head}:",
            "；".join(f"{one['label_zh']} {one['direction']} {one['share']:.0%}" for one in reasons),
        )

    supposed = call(
        "/v1/what-if",
        {
            "project_id": project_id,
            "changes": [{"change": "RECTIFY_HAZARDS", "ids": [hazard["violation_id"]]}],
        },
    )
    print(
        "整改后 once rectified:", supposed["difference"]["risks"], [one["table"] for one in supposed["rows"]]
    )

    if grade is not None and grade["colour"] in COLOURS[:-1]:
        worse = COLOURS[COLOURS.index(grade["colour"]) + 1]
        said = {
            "colour": worse,
            "person": "示例 example",
            "reason": "现场所见较记录严重 / worse on site than on record",
        }
        set_to = call(f"/v1/decisions/{site['decision_id']}/override", said)
        print("调整 override:", set_to["before"]["colour"], "→", set_to["after"]["colour"], set_to["changed"])

    again = call(f"/v1/decisions/{site['decision_id']}/replay")
    print("重算 replay:", "相同 equal" if again["equal"] else again["differences"])
    if not again["equal"]:
        raise SystemExit(1)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    try:
        main(sys.argv[2])
    except Refused as refused:
        raise SystemExit(str(refused)) from None
