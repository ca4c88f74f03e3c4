"""The table `projects`: what happens to each site on the register, one version after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.filing import OFFICE_HOURS, OFFICE_OPENS, filed
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.project_facts import lasting_facts
from data_contracts.synthetic_city.rows import DAY_SECONDS, NONE, Rows, days_as_dates, stack, take, words
from data_contracts.synthetic_city.sites import Sites

STATUSES = ("NOT_STARTED", "ACTIVE", "STOPPED", "RESUMED", "AWAITING_ACCEPTANCE", "COMPLETED", "TERMINATED")
KEEP = NONE + 1  # an event that leaves a column as it was


def project_rows(city: City, block: Block, orders: Rows) -> Rows:
    """All versions of a block of sites, each a whole row; `orders` gives stops and their end."""
    plan, sites, random = city.plan, block.sites, block_stream(city.plan, "project rows", block.number)
    events = _in_order(_events(plan, random, sites, block.starts, orders))
    site = events["_site"]
    permits = events["_day"] * DAY_SECONDS + OFFICE_OPENS + random.integers(0, OFFICE_HOURS, len(site))
    late = filed(plan, random, events["_day"], "usual")  # a permit is issued on the register itself
    recorded = _increasing(site, np.where(events["_status"] == 0, permits, late))
    area = np.where(
        _so_far(site, events["_corrected"], 0) == 1,
        sites.area[site],
        _area_as_filed(plan, random, sites)[site],
    )
    return {
        **take(lasting_facts(plan, random, sites), site),
        "_key": site,
        "_recorded": recorded,
        "floor_area_m2": area,
        "start_date": days_as_dates(_so_far(site, events["_start"], NONE)),
        "status": words(STATUSES, _so_far(site, events["_status"], 0)),
        "planned_finish_date": days_as_dates(_so_far(site, events["_planned"], NONE)),
        "finish_date": days_as_dates(_so_far(site, events["_finish"], NONE)),
    }


def _events(plan: CityPlan, random: np.random.Generator, sites: Sites, starts: NDArray, orders: Rows) -> Rows:
    count = len(sites)
    every, planned = np.arange(count), sites.planned_start + sites.contract_days
    overdue = np.nonzero(sites.finish > planned + 30)[0]
    asked = np.maximum(planned[overdue] - random.integers(-10, 90, len(overdue)), sites.start[overdue] + 10)
    extended = (0.7 * sites.finish[overdue] + 0.3 * planned[overdue]).astype(np.int64) + random.integers(
        0, 60, len(overdue)
    )
    wrong = _filed_wrong(plan, sites)
    corrected = sites.start[wrong] + random.integers(20, 200, len(wrong))
    stop = orders["_stop"] & ~orders["_final"]
    halted, until = orders["_happened"][stop], orders["_lifted"][stop]
    halted_site = orders["_site"][stop]
    resumed = until < np.minimum(starts[halted_site, -1], sites.finish[halted_site])
    waiting = np.nonzero(~sites.terminated & (starts[:, -1] < sites.finish))[0]
    ended = np.where(sites.terminated, STATUSES.index("TERMINATED"), STATUSES.index("COMPLETED"))
    return stack([
        _event(every, sites.permit, start=sites.planned_start, status=0, planned=planned),
        _event(every, sites.start, start=sites.start, status=1),
        _event(overdue, asked, planned=extended),
        _event(wrong, corrected, corrected=1),
        _event(halted_site[resumed], halted[resumed], status=2),
        _event(halted_site[resumed], until[resumed], status=3),
        _event(waiting, starts[waiting, -1], status=4),
        _event(every, sites.finish, status=ended, finish=np.where(sites.terminated, NONE, sites.finish)),
    ])  # fmt: skip


def _event(
    site: NDArray, day: NDArray, *, start: NDArray | int = KEEP, status: NDArray | int = KEEP, planned: NDArray | int = KEEP,
    finish: NDArray | int = KEEP, corrected: int = KEEP,
) -> Rows:  # fmt: skip
    changes = {
        "_start": start,
        "_status": status,
        "_planned": planned,
        "_finish": finish,
        "_corrected": corrected,
    }
    return {
        "_site": site,
        "_day": day,
        **{name: np.full(len(site), value, np.int64) for name, value in changes.items()},
    }


def _in_order(events: Rows) -> Rows:
    """By site and day, the permit first and the end last."""
    number = np.arange(len(events["_site"]))
    return take(events, np.lexsort((number, events["_day"], events["_site"])))


def _so_far(site: NDArray, values: NDArray, at_first: int) -> NDArray:
    """The latest value given to the same site; `at_first` before any."""
    position = np.arange(len(values))
    given = np.maximum.accumulate(np.where(values != KEEP, position, -1))
    begin = np.searchsorted(site, site, side="left")
    return np.where(given >= begin, values[np.maximum(given, 0)], at_first)


def _increasing(site: NDArray, recorded: NDArray) -> NDArray:
    """The moments made to increase within each site, by a minute at least."""
    position = np.arange(len(site)) - np.searchsorted(site, site, side="left")
    far = np.int64(1) << 40  # more seconds than any span: keeps the sites apart under one running maximum
    return np.maximum.accumulate(recorded - 60 * position + site * far) - site * far + 60 * position


def _filed_wrong(plan: CityPlan, sites: Sites) -> NDArray:
    """Sites whose floor area was first filed wrong; by their number, so that both uses agree."""
    share = plan.declared["sites.corrected_share"]
    return np.nonzero((sites.number * 2_654_435_761 % 2**32) / 2**32 < share)[0]


def _area_as_filed(plan: CityPlan, random: np.random.Generator, sites: Sites) -> NDArray:
    wrong = _filed_wrong(plan, sites)
    area = sites.area.copy()
    area[wrong] = np.round(area[wrong] * random.choice([0.8, 0.9, 1.1, 1.25], len(wrong)), 1)
    return area
