"""Where an installation stands, and how all of it is built beside its place before any of it is put there."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from data_contracts.moments import now
from serving.backup.backup import HOME, MLRUNS, STORE, sqlite_file
from serving.backup.manifest import not_a_backup
from serving.backup.sqlite_copy import BESIDE
from serving.settings import Settings

NOT_OURS = {"README.md", "bentoml"}  # may stand in a place where otherwise nothing is
DUMP = ".store"  # a store of PostgreSQL while it is put back


class Places:
    """The home, and what of an installation is not within it: each is renamed into its place as a whole.

    As a context it has a hidden folder beside each place, which is gone at the end; one that a killed restore left
    there is removed by the next.
    """

    def __init__(self, settings: Settings) -> None:
        self.home, self.mlruns = settings.home.absolute(), settings.mlruns.absolute()
        self.store = sqlite_file(settings.store_url)
        apart = [one for one in (self.store, self.mlruns) if one and not one.is_relative_to(self.home)]
        self.all = [*apart, self.home]
        self._beside: dict[Path, Path] = {}

    def taken(self) -> Path | None:
        """A place where something stands that could be lost; None if there is none."""
        return next((place for place in self.all if _is_taken(place)), None)

    def __enter__(self) -> Places:
        for place in self.all:
            place.parent.mkdir(parents=True, exist_ok=True)
            prefix = f".{place.name}-restoring-"
            for leftover in place.parent.glob(f"{prefix}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            folder = tempfile.mkdtemp(prefix=prefix, dir=place.parent)
            self._beside[place] = Path(folder) / place.name
            if place != self.store:
                self._beside[place].mkdir()
                if place.is_dir():
                    self._beside[place].chmod(place.stat().st_mode & 0o777)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for built in self._beside.values():
            shutil.rmtree(built.parent, ignore_errors=True)

    def built(self, name: str) -> Path:
        """Where a file of a backup is built."""
        part, _, rest = name.partition("/")
        where = {STORE: self.store or self.home / DUMP, HOME: self.home / rest, MLRUNS: self.mlruns / rest}
        if part not in where or bool(rest) != (part != STORE):
            raise not_a_backup(f"含有异常条目 {name}", f"{name} does not belong there")
        (place,) = [place for place in self._beside if where[part].is_relative_to(place)]
        return self._beside[place] / where[part].relative_to(place)

    def put_in_place(self) -> list[Path]:
        """Rename everything that was built into its place; where what stood there before now is.

        The home comes last: where there is one, the restored installation is whole.
        """
        suffix = f"before-{now():%Y%m%d-%H%M%S-%f}"
        aside = [_set_aside(place, f"{place}.{suffix}") for place in self.all if _is_taken(place)]
        for place, built in self._beside.items():
            for name in NOT_OURS if place.is_dir() else ():
                _removed(place / name)
            built.rename(place)  # takes the place of an empty folder, too
        return aside


def _is_taken(place: Path) -> bool:
    if place.is_dir():
        return bool({one.name for one in place.iterdir()} - NOT_OURS)
    return place.exists()


def _set_aside(place: Path, name: str) -> Path:
    for ending in BESIDE:  # first: a database's log must never stand beside another database
        if (beside := place.with_name(place.name + ending)).exists():
            beside.rename(name + ending)
    return place.rename(name)


def _removed(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
