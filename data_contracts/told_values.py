"""Values of answers that are made from what pages show: what is missing in a table is `null`, days and moments are texts."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SHANGHAI_OFFSET = "+08:00"


def _known(value: Any) -> Any:
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _day(value: Any) -> str | None:
    return None if pd.isna(value) else f"{pd.Timestamp(value):%Y-%m-%d}"


def _moment(value: Any) -> str | None:
    return None if pd.isna(value) else pd.Timestamp(value).isoformat() + SHANGHAI_OFFSET


Text = Annotated[str | None, BeforeValidator(_known)]
Figure = Annotated[float | None, BeforeValidator(_known)]
Count = Annotated[int, BeforeValidator(int)]
Whole = Annotated[int | None, BeforeValidator(_known)]
Day = Annotated[str | None, BeforeValidator(_day)]
Moment = Annotated[str | None, BeforeValidator(_moment)]


class Told(BaseModel):
    """A part of an answer; it takes what it declares from a mapping or an object and leaves the rest."""

    model_config = ConfigDict(from_attributes=True)


class RunOfDay(Told):
    """The grading run that is shown."""

    run_id: int
    day: Day
    made_at: Moment
    model_version: Text = Field(description="评级所用模型。 The model that graded.")


class Listed(Told):
    """One leaf of a list."""

    found: int = Field(description="符合条件的数量。 How many fit what was asked.")
    total: int = Field(description="范围内的总数。 How many there are within the key's scope.")
    page: int = Field(
        description="页码，从 1 起；超出末页即为末页。 From 1; a number beyond the last is the last."
    )
    pages: int


class ListQuery(BaseModel):
    """What every list may be asked for."""

    model_config = ConfigDict(extra="forbid")

    page: int = Field(default=1, ge=1, le=99_999, description="页码。 Which leaf.")
    size: int = Field(default=50, ge=1, le=1000, description="每页数量。 How many on a leaf.")
