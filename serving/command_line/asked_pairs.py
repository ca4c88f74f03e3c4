"""What the commands that answer for PAIRS share: their options, the answer part by part, and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.command_line.terminal import result, result_json, say

if TYPE_CHECKING:
    import pandas as pd

    from data_contracts.progress import Progress
    from serving.documentation import Documentation

# As many pairs at once as fit in memory beside the index: 200 features of 8 bytes are 80 MB.
PAIRS_AT_ONCE = 50_000

AtOption = Annotated[
    Path,
    typer.Option(
        "--at",
        help="PAIRS：含 project_id 与 as_of 两列的 CSV 或 Parquet 文件。 "
        "A CSV or Parquet file with project_id and as_of.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="FILE.csv 或 FILE.parquet；省略则以 CSV 输出到屏幕。 "
        "FILE.csv or FILE.parquet; CSV on standard output unless told.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="以 JSON 输出结果。 Print the result as JSON.")]


def asked_pairs(at: Path, out: Path | None) -> pd.DataFrame:
    """The pairs, once it is known that their answer can be written to `out`."""
    from serving.pairs import read_pairs
    from serving.result_files import writable_result

    pairs = read_pairs(at)
    if out is not None:
        writable_result(out)
    return pairs


def in_parts(
    pairs: pd.DataFrame,
    part: Callable[[pd.DataFrame], pd.DataFrame],
    step: str,
    progress: Progress,
    at_once: int = PAIRS_AT_ONCE,
) -> pd.DataFrame:
    """`part` of some pairs at a time, put together in order."""
    import pandas as pd

    made = []
    for start in range(0, max(len(pairs), 1), at_once):
        progress(step, start, len(pairs))
        made.append(part(pairs.iloc[start : start + at_once].reset_index(drop=True)))
    progress(step, len(pairs), len(pairs))
    return pd.concat(made, ignore_index=True)


def hand_out(
    made: pd.DataFrame, out: Path | None, as_json: bool, documentation: Documentation | None = None
) -> None:
    """The result in the file or on standard output, as CSV or JSON; a Parquet file with its documentation."""
    from serving.result_files import as_csv, as_rows, write_result

    if out is not None:
        write_result(made, out, documentation)
        say(f"{len(made)} 行 / rows → {out}")
    if as_json:
        result_json({"rows": len(made), "out": str(out)} if out else as_rows(made))
    elif out is None:
        result(as_csv(made).rstrip("\n"))
