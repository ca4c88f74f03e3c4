"""The page `docs/reading-a-grade.md`: three sites of the synthetic city, with the five answers of their pages, word for word."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

LANGUAGES = ("zh", "en")
Reading = list[tuple[str, str]]  # the questions of one page with their answers
SITES = {
    "risk": ("由风险判定的项目", "A site that its risk decides", "sort=accident&colour=RED", "事故风险"),
    "rule": ("由直接判定规则决定的项目", "A site that a rule decides", "sort=accident&colour=ORANGE", "停工类指令"),
    "quality": ("由质量缺陷风险判定的项目", "A site that the risk of a defect decides", "sort=defect&colour=YELLOW", "质量缺陷"),
}  # fmt: skip
INTRODUCTION = """# 怎样读懂一个等级 / Reading a grade

由 `make screenshots` 根据运行中的页面生成，模拟城市，不涉及任何真实项目。
Written by `make screenshots` from the pages as they run, on a synthetic city: no real site is meant. What it says
changes with the last day of the city.

项目页面开头的“五个问题”回答：为什么是这个颜色、从什么时候开始、依据哪些事实、怎样才会改变、找谁。下面是三个项目的原文。读的时候记住三点：

1. 风险是可能性估计，不是认定；“同类项目”是同一天在建的同类工程。
2. 颜色由最坏的一项决定：某一项风险达到界限，或一条直接判定规则成立。红色、橙色和下调须人工确认。
3. 每个事实都有记录编号和入库日期。对记录有异议的，把编号告知监督机构；更正后次日评级随之改变。

The five questions at the top of a site's page tell why it has its colour, since when, from which facts, what would change
it, and whom to ask. Three of them follow, word for word. Three things to remember:

1. A risk is an estimated probability, not a finding; similar sites are those of the same kind under way that day.
2. The worst decides: a risk that reaches a cut-off, or a rule that holds. Red, orange and a step down wait for a person.
3. Each fact has the number of its record and the day it was filed. Who doubts it tells the number to the station; once
   it is corrected, the next day's run follows.
"""


def chosen_sites(base: str, token: str) -> dict[str, Mapping[str, Any]]:
    """Of each kind of `SITES` the one with the highest risk, as GET /v1/sites lists them; a kind that no site is of is left out."""
    found = {}
    for name, (_, _, query, rule) in SITES.items():
        request = urllib.request.Request(
            f"{base}/v1/sites?{query}&size=200", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            sites = json.load(answer)["sites"]
        of_kind = [site for site in sites if rule in site["rule_zh"]]
        found |= {name: of_kind[0]} if of_kind else {}
    return found


def page_of(sites: Mapping[str, Mapping[str, Any]], readings: Sequence[Mapping[str, Reading]]) -> str:
    """The whole page; `readings` are those of each language, by the site's name."""
    parts = [INTRODUCTION]
    for name, site in sites.items():
        zh, en, _, _ = SITES[name]
        parts.append(f"\n## {zh} / {en}\n\n`{site['project_id']}`\n")
        for language, reading in zip(LANGUAGES, readings, strict=True):
            parts.append(f"\n![{name}](screenshots/reading-{name}-{language}.png)\n")
            parts += [f"\n**{question}** {_in_one_paragraph(answer)}\n" for question, answer in reading[name]]
    return "".join(parts)


def _in_one_paragraph(text: str) -> str:
    """The lines of an answer one after the other, without the words of links."""
    lines = [line.strip() for line in text.splitlines()]
    left_out = ("查看记录", "records")
    for word in left_out:
        lines = [line.removesuffix(word).strip() for line in lines]
    return " ".join(line for line in lines if line).replace("|", "\\|")
