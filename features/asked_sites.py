"""The rows asked for, and what every measure answers them with."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.feature import GROUPS
from features.party_links import PartyLinks
from features.site_groups import SiteGroups
from features.step_functions import Ints

Floats = NDArray[np.float64]


class Sites:
    """The rows asked for: a project's number and a moment each, and who holds which role there then."""

    def __init__(self, projects: Ints, as_of: Ints, links: PartyLinks, groups: SiteGroups) -> None:
        self.projects = projects
        self.as_of = as_of
        self._links = links
        self._groups = groups
        self._subjects: dict[str, Ints] = {}
        self._values: dict[int, Floats] = {}

    def subjects(self, subject: str | None) -> Ints:
        """The number of the project, of the enterprise in a role or of a group per row, -1 where none is on file."""
        if subject is None:
            return self.projects
        if subject not in self._subjects:
            if subject in GROUPS:
                self._subjects[subject] = self._groups.at(subject, self.projects, self.as_of)
            else:
                self._subjects[subject] = self._links.enterprise(subject, self.projects, self.as_of)
        return self._subjects[subject]

    def value(self, measure: Measure) -> Floats:
        """A measure that others are made of, looked up once."""
        if id(measure) not in self._values:
            self._values[id(measure)] = measure.at(self)
        return self._values[id(measure)]


class Measure(Protocol):
    """A feature ready to be looked up."""

    def at(self, sites: Sites) -> Floats:
        """The value of each row, NaN where it is missing."""
        ...
