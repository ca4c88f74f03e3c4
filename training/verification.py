"""Try a model folder in a process of its own before it is trusted: a broken one may end the process.

python -m training.verification FOLDER SHA256
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from data_contracts.errors import ModelInvalid, SiteriskError
from training.champion_comparison import JudgedHead
from training.model_folder import EXAMPLES, PASSPORT, invalid, read_verified
from training.risk_model import RiskModel

SECONDS = 120
# Other processors may round the last digit of an exponential differently.
TOLERANCE = 1e-12


def verify_folder(folder: Path, sha256: str) -> int:
    """Load the folder, its tested models too, and give its example rows their risks; how many there were.

    Raises ModelInvalid if it is not the folder meant, cannot be loaded, or answers differently.
    """
    verified = read_verified(folder, sha256=sha256)
    examples = verified.json(EXAMPLES)
    rows = pd.DataFrame(examples["rows"], columns=examples["features"], dtype="float64")
    risks = RiskModel.from_verified(verified).risks(rows)
    for name, expected in examples["risks"].items():
        given = risks[name].to_numpy() if name in risks else np.empty(0)
        if not (len(given) == len(expected) and np.allclose(given, expected, rtol=TOLERANCE, atol=0)):
            raise invalid(
                folder, f"示例行的 {name} 与记录不符", f"{name} of the example rows is not what was noted"
            )
    for head in verified.json(PASSPORT)["heads"]:
        judged = JudgedHead(verified, head)
        if judged.has_tested() and not np.isfinite(judged.tested_risk(rows)).all():
            raise invalid(folder, f"{head} 的受测模型给不出风险", f"the tested model of {head} gives no risk")
    return len(rows)


def verify_apart(folder: Path, sha256: str) -> None:
    """`verify_folder` in a separate process; ModelInvalid if that process fails or dies."""
    command = [sys.executable, "-m", "training.verification", str(folder), sha256]
    roots = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",  # LightGBM quotes whatever bytes it stumbled over
            timeout=SECONDS,
            env={**os.environ, "PYTHONPATH": roots, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise invalid(
            folder, f"{SECONDS} 秒内未能加载", f"it did not load within {SECONDS} seconds"
        ) from error
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"])[-1]
        raise invalid(
            folder, f"在独立进程中加载失败（{last}）", f"it failed in a process of its own ({last})"
        )


def main(arguments: list[str]) -> int:
    """The command line of this module: 0 if the folder is good, 1 with the reason on stderr if not."""
    folder, sha256 = arguments
    try:
        verify_folder(Path(folder), sha256)
    except (ModelInvalid, SiteriskError) as error:
        print(str(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # LightGBM does without scikit-learn where there is none, and comes in a third of the time.
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    sys.exit(main(sys.argv[1:]))
