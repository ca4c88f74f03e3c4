"""What a training came to, as people and machines read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.command_line.terminal import result, result_json, say, table

if TYPE_CHECKING:
    from training.experiment import TrainingResult
    from training.verdict import Verdict

SILENCE = "TRN001"  # told in full by the silence itself

HEADER = (
    "目标 head",
    "模型 model",
    "行 rows",
    "发生 outcomes",
    "AUC",
    "AP",
    "lift 5%",
    "AUC − 违规计数 past count (95%)",
    "版本 version",
)


def tell_training(done: TrainingResult, as_json: bool) -> None:
    """The figures of each head on its later test rows, what was left out, and where the model is."""
    if as_json:
        result_json(
            {
                "version": done.version,
                "folder": str(done.folder),
                "sha256": done.sha256,
                "until": done.until.isoformat(),
                "snapshot_sha256": done.snapshot_sha256,
                "heads": {
                    head: {"figures": figures, "run": done.runs[head], "registered": done.registered[head]}
                    for head, figures in done.figures.items()
                },
                "left_out": {head: {"zh": why.zh, "en": why.en} for head, why in done.left_out.items()},
                "checks": {
                    head: [check.as_json() for check in checks] for head, checks in done.checks.items()
                },
                "searches": {head: search.as_json() for head, search in done.searches.items()},
                "page": str(done.page),
                "warnings": {head: silence.as_json() for head, silence in done.silences.items()},
            }
        )
        return
    result(training_table(done))
    say(f"模型 / model {done.version} → {done.folder}")
    say(f"报告 / report → {done.page}")


def training_table(done: TrainingResult) -> str:
    """A line for each head trained, why another was not, and whose outcomes have fallen silent."""
    rows = [_row(head, figures, done.registered[head]) for head, figures in done.figures.items()]
    left_out = [f"{head}: 未训练 / left out: {why.zh} {why.en}" for head, why in done.left_out.items()]
    searched = [_searched(head, search.as_json()) for head, search in done.searches.items()]
    silent = [f"{silence.zh} {silence.en}" for silence in done.silences.values()]
    told = [
        _failed(head, check)
        for head, checks in done.checks.items()
        for check in checks
        if check.state == "failed" and check.code != SILENCE
    ]
    return "\n".join([table(rows, HEADER), *left_out, *silent, *told, *searched])


def _searched(head: str, search: dict[str, Any]) -> str:
    """What the search of a head's parameters came to, and the line of the heads file that keeps what it found."""
    import yaml

    from training.search_sections import search_sentences

    told = search_sentences(search)[0]
    if not search.get("is_taken"):
        return f"{head}: {told.zh} {told.en}"
    line = yaml.safe_dump({"trees": search["trees"]}, default_flow_style=None, sort_keys=False, width=1000)
    keep = "写入目标文件即可保留，下次无需搜索 / to keep it without another search, in the heads file"
    return f"{head}: {told.zh} {told.en}\n{keep}:\n    {line.strip()}"


def _failed(head: str, check: Verdict) -> str:
    """A line for a check that failed: what, why, and the way out."""
    zh = f"[{check.code}] 目标 {head}：{check.title_zh}未通过。{check.reason_zh}{check.cure_zh}"
    return f"{zh} Head {head}: {check.title_en} failed. {check.reason_en} {check.cure_en}"


def _row(head: str, figures: dict[str, Any], version: str) -> tuple[Any, ...]:
    from training.project_draws import figure_in_words

    model, gain = figures["contenders"][figures["judged"]], figures["gains"]["past_violations"]["auc"]
    return (
        head,
        figures["judged"],
        figures["rows"],
        figures["outcomes"],
        _number(model["auc"]["mean"], 3),
        _number(model["average_precision"]["mean"], 4),
        _number(model["lift_at_5pct"]["mean"], 2),
        figure_in_words(gain),
        version,
    )


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
