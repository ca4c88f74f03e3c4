"""项目清单: the sites of a key, filtered, searched, sorted, a page at a time, and as a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.code_list import code_list
from data_contracts.errors import NotFound
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.grading.colours import RANK
from serving.grading.site_grades import PENDING
from serving.pages.charts import COLOUR_ORDER
from serving.pages.city import City
from serving.pages.page import Page, desk_of
from serving.pages.paging import Leaf, number_in
from serving.pages.rendering import Words, language_of, page
from serving.plan.plan_tables import as_records
from serving.result_files import plain_cells

ON_A_PAGE = 50
SORTS = {
    "colour": ("颜色", "Colour"),
    "accident": ("事故风险", "Accident risk"),
    "defect": ("质量缺陷风险", "Defect risk"),
    "inherent": ("固有等级", "Inherent grade"),
    "due": ("应检日期", "Due day"),
    "last": ("上次检查", "Last visit"),
    "name": ("名称", "Name"),
}
_COLUMNS = {
    "accident": "risk_accident", "defect": "risk_defect", "inherent": "inherent_grade", "due": "due_on", "last": "last_visit_on",
    "name": "name",
}  # fmt: skip
_SMALLEST_FIRST = frozenset({"due", "last", "name"})
EXPORT = {
    "project_id": "项目编号", "name": "项目名称", "permit_no": "施工许可证号", "district": "区", "agency_code": "监督机构",
    "colour": "动态风险", "confirmation": "确认状态", "colour_since": "自", "inherent_grade": "固有等级", "rule_zh": "依据",
    "risk_accident": "事故风险", "percentile_accident": "事故风险百分位", "risk_defect": "质量缺陷风险",
    "percentile_defect": "质量缺陷风险百分位", "visits_per_year": "年检查次数", "last_visit_on": "上次检查", "due_on": "应检日期",
    "due_zh": "频次依据",
}  # fmt: skip


_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class Asked:
    """What a visitor asks of the list; what is not understood is as if it had not been asked."""

    search: str = ""
    colour: str = ""
    district: str = ""
    inherent: str = ""
    category: str = ""
    overdue: bool = False
    pending: bool = False
    sort: str = "colour"
    number: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        sort = query.get("sort", "")
        return cls(
            search=query.get("q", "").strip()[:100],
            colour=query.get("colour", "") if query.get("colour") in COLOUR_ORDER else "",
            district=query.get("district", "")[:20],
            inherent=query.get("inherent", "") if query.get("inherent", "") in set("12345") else "",
            category=query.get("category", "")[:40],
            overdue=query.get("overdue") == "1",
            pending=query.get("pending") == "1",
            sort=sort if sort in SORTS else "colour",
            number=number_in(query.get("page", "")),
        )

    def address(self, **other: Any) -> str:
        """The query of the same list, with other wishes."""
        told = {
            "q": self.search, "colour": self.colour, "district": self.district, "inherent": self.inherent,
            "category": self.category, "overdue": "1" if self.overdue else "", "pending": "1" if self.pending else "",
            "sort": "" if self.sort == "colour" else self.sort,
        } | {name: str(value) for name, value in other.items()}  # fmt: skip
        return "?" + urlencode({name: value for name, value in told.items() if value})

    def chosen(self, sites: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
        """The sites that are meant, in order."""
        mask = pd.Series(True, index=sites.index)
        for column, wanted in {
            "colour": self.colour,
            "district": self.district,
            "category": self.category,
        }.items():
            if wanted:
                mask &= sites[column] == wanted
        if self.inherent:
            mask &= sites["inherent_grade"] == float(self.inherent)
        if self.overdue:
            mask &= sites["due_on"] < today
        if self.pending:
            mask &= sites["confirmation"] == PENDING
        if self.search:
            name, permit = (sites[column].fillna("") for column in ("name", "permit_no"))
            told = (sites["project_id"] + "\n" + name + "\n" + permit).str.lower()
            mask &= told.str.contains(self.search.lower(), regex=False)
        return self._sorted(sites[mask])

    def _sorted(self, sites: pd.DataFrame) -> pd.DataFrame:
        """By the wish, then the risk of an accident, then the id: the order is always the same."""
        second = "risk_accident" if "risk_accident" in sites else "inherent_grade"
        first = (
            sites["colour"].map(RANK)
            if self.sort == "colour"
            else sites.get(_COLUMNS[self.sort], sites[second])
        )
        rows = sites.assign(first_=first, second_=sites[second])
        ascending = [self.sort in _SMALLEST_FIRST, False, True]
        return rows.sort_values(
            ["first_", "second_", "project_id"], ascending=ascending, na_position="last"
        ).drop(columns=["first_", "second_"])


async def _sites(request: Request) -> Response:
    desk, key, asked = desk_of(request.app), key_asking(), Asked.of(request.query_params)
    content = await desk.parts.in_thread(lambda: sites_content(desk.city, key, asked))
    return page(request, "sites.html.jinja", asked=asked, sorts=SORTS, **content)


def sites_content(city: City, key: AccessKey, asked: Asked, size: int = ON_A_PAGE) -> dict[str, Any]:
    """What the page shows, with so many sites on a leaf; `board` is None before the first grading run."""
    board = city.boards.board()
    if board is None:
        return {"board": None}
    sites, today = board.seen_by(key), pd.Timestamp(board.run.day)
    chosen = asked.chosen(sites, today)
    leaf = Leaf(len(chosen), asked.number, size)
    return {
        "board": board,
        "today": today,
        "leaf": leaf,
        "total": len(sites),
        "rows": as_records(chosen.iloc[leaf.part]),
        "colours": COLOUR_ORDER,
        "districts": [one for one in code_list("districts").codes if (sites["district"] == one).any()],
        "categories": [
            one for one in code_list("project_categories").codes if (sites["category"] == one).any()
        ],
    }


async def _export(request: Request) -> Response:
    """The whole filtered list as a CSV or Excel file."""
    desk, key, asked = desk_of(request.app), key_asking(), Asked.of(request.query_params)
    kind, words = request.path_params["kind"], Words(language_of(request))

    def made() -> tuple[bytes, str]:
        board = desk.city.boards.board()
        if board is None or kind not in _MEDIA:
            raise NotFound(zh="没有这个文件。", en="There is no such file.", field="kind")
        chosen = asked.chosen(board.seen_by(key), pd.Timestamp(board.run.day))
        return _as_file(_exported(chosen, words), kind), f"sites-{board.run.day}"

    content, name = await desk.parts.in_thread(made)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(content, media_type=_MEDIA[kind], headers=headers)


def _exported(sites: pd.DataFrame, words: Words) -> pd.DataFrame:
    """Codes in words, days as days, and headings in the language of the page."""
    columns = [name for name in EXPORT if name in sites]
    rows = sites[columns].copy()
    for name in ("colour_since", "last_visit_on", "due_on"):
        rows[name] = rows[name].dt.strftime("%Y-%m-%d")
    rows["colour"] = [words.colour(one) for one in rows["colour"]]
    rows["district"] = [words.code(one, "districts") for one in rows["district"]]
    return rows.rename(columns=EXPORT) if words.language == "zh" else rows


def _as_file(rows: pd.DataFrame, kind: str) -> bytes:
    safe, held = plain_cells(rows), io.BytesIO()
    if kind == "csv":
        safe.to_csv(held, index=False, encoding="utf-8-sig")
    else:
        with pd.ExcelWriter(held, engine="openpyxl") as book:
            safe.to_excel(book, sheet_name="项目清单", index=False)
            book.sheets["项目清单"].freeze_panes = "A2"
    return held.getvalue()


PAGES = (Page("/sites", _sites), Page("/sites.{kind}", _export))
