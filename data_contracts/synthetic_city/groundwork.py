"""What a city shares, and one block of its sites as drawn, before anybody visits or writes anything down."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan
from data_contracts.synthetic_city.enterprises import Enterprises
from data_contracts.synthetic_city.parties import Parties
from data_contracts.synthetic_city.rows import Rows
from data_contracts.synthetic_city.sites import Sites
from data_contracts.synthetic_city.stations import Stations


@dataclass(frozen=True)
class City:
    """What all blocks share."""

    plan: CityPlan
    firms: Enterprises
    stations: Stations


@dataclass(frozen=True)
class Block:
    """A block of sites: when they enter which stage (columns as STAGES), their dangerous works and
    parties, and the lasting attendance of their project managers."""

    number: int
    sites: Sites
    starts: NDArray
    works: Rows
    parties: Parties
    presence: NDArray
