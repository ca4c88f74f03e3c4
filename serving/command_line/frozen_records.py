"""Records frozen before a training, so that what it has seen can be read again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.progress import Progress

if TYPE_CHECKING:
    from data_contracts.records import Records


def frozen_records(records: Records, home: Path, progress: Progress) -> Records:
    """The same records, read from a snapshot in `home/snapshots` that is named after its fingerprint.

    Content that was frozen before is not written again.
    """
    from data_contracts.snapshot import read_snapshot, snapshot

    folder = home / "snapshots"
    unnamed = folder / "unnamed"
    shutil.rmtree(unnamed, ignore_errors=True)
    fingerprint = snapshot(records, unnamed, progress).fingerprint
    named = folder / fingerprint[:16]
    if named.exists():
        shutil.rmtree(unnamed)
    else:
        unnamed.rename(named)
    return read_snapshot(named)
