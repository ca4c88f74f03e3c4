"""The checks of a training and of a promotion, by code; `docs/checks.md` is written from here.

A code is never given to another check.
"""

from __future__ import annotations

from training.verdict import Check

_LONGER = (
    "请载入更长时间或更多项目的记录后重新训练。",
    "Load records over a longer time or of more projects, and train again.",
)
_KEEP = (
    "请沿用在用模型或简单规则；改进特征或载入更多记录后重新训练。",
    "Keep the champion, or the simple rule; improve the features or load more records, and train again.",
)

OUTCOMES_DELIVERED = Check(
    "TRN001", "结果入库", "Outcomes delivered",
    "结果数据表是否在异常长的时间内没有任何入库记录。",
    "Whether nothing of the head's outcome table has come on file for longer than ever before. The head is then "
    "trained only up to its newest record.",
    "warns",
    "请载入该表的最新记录后重新训练。", "Load the latest records of that table and train again.",
    "records",
)  # fmt: skip
LEAK = Check(
    "TRN002", "特征泄漏", "Leak",
    "是否有特征读到了结果：单独一个特征（含其缺失）几乎完全区分结果，或其取值与只用当时已入库记录算出的不同，或结果在 as_of 时已经入库。",
    "Whether a feature reads the outcome: alone, by its value or by its being missing, it tells nearly all outcomes apart; "
    "or its values are not those that the records on file at `as_of` give; or the outcomes themselves were on file by then.",
    "refuses",
    "请从特征中去掉该列，或改为只用 as_of 时已入库的记录计算；入库时间有误的，请更正来源。",
    "Take the column out of the features, or compute it from what was on file at as_of alone; correct recorded_at at its source.",
    "method",
)  # fmt: skip
SPLIT_IN_TIME = Check(
    "TRN003", "按时间划分", "Split in time",
    "训练、校准、测试各期是否按时间先后排列，间隔不短于预测期，且只用测试首日已知的标签。",
    "Whether trees, calibration and test follow one another in time, a horizon (and before the test the reporting lag) "
    "apart, with labels as known when the test begins. A random split is refused.",
    "refuses",
    "请只按 as_of 划分各期（training.splits）。", "Split by as_of alone (training.splits).",
    "method",
)  # fmt: skip
COMPLETE_WINDOWS = Check(
    "TRN004", "标签窗口", "Label windows",
    "所用每一行的预测期和报告时滞在标签认定时是否均已届满。",
    "Whether horizon and reporting lag of every row used had passed at the moment its label was taken.",
    "refuses",
    "请去掉标签尚未完整的行，或提前截止日。", "Leave out the rows whose label is not complete yet, or end earlier.",
    "method",
)  # fmt: skip
TEST_AS_DRAWN = Check(
    "TRN005", "测试集原样", "Test as drawn",
    "测试行是否正好是该期样本总体的全部行，各一次，发生率相同。",
    "Whether the rows of the test are those of the cohort in its period, each once, with the same share of outcomes.",
    "refuses",
    "请使用样本总体在测试期内的全部行，不重复、不抽取。",
    "Judge on all rows of the cohort in the period of the test: none twice, none left out.",
    "method",
)  # fmt: skip
ENOUGH_OUTCOMES = Check(
    "TRN006", "结果数量", "Number of outcomes",
    "测试期内的不同结果是否足以支撑区间估计。",
    "Whether the test holds enough distinct outcomes for its intervals to mean anything.",
    "refuses", *_LONGER, "result",
)  # fmt: skip
BEATS_RULES = Check(
    "TRN007", "对比简单规则", "Against the simple rules",
    "AUC 是否高于过往违规计数和风险矩阵，且区间不含零。",
    "Whether the AUC exceeds that of the count of past violations and of the risk matrix, by an interval that "
    "excludes zero.",
    "refuses", *_KEEP, "result",
)  # fmt: skip
HOLDS_AGAINST_SCORECARD = Check(
    "TRN008", "对比评分卡", "Against the scorecard",
    "与同特征的逻辑评分卡相比，AUC 增益区间下限是否不低于 −0.01。",
    "Whether the lower bound of the gain in AUC over a logistic scorecard on the same features is at least −0.01.",
    "refuses",
    "请改为启用评分卡。", "Let the scorecard be chosen instead.",
    "result",
)  # fmt: skip
CALIBRATED = Check(
    "TRN009", "校准", "Calibration",
    "测试期实际/预期发生数之比是否在 0.8–1.25 之间、校准斜率是否在 0.8–1.2 之间。",
    "Whether observed over expected outcomes lies within 0.8 to 1.25 and the calibration slope within 0.8 to 1.2.",
    "refuses",
    "请检查结果记录是否齐全、校准期是否有代表性，再重新训练。",
    "See whether all outcomes are delivered and the calibration period is a usual one, and train again.",
    "result",
)  # fmt: skip
STABLE_LIST = Check(
    "TRN010", "清单稳定性", "Stability of the list",
    "相邻两个月的前 10% 清单是否至少有一半工程相同。",
    "Whether at least half of a month's top 10 % list stands in the next month's, among sites present in both.",
    "warns",
    "请检查变动最大的特征；检查计划可能需要按月调整。",
    "Look at the features that change most; a plan made from these lists will have to change every month.",
    "result",
)  # fmt: skip
MONOTONE = Check(
    "TRN011", "预期方向", "Expected directions",
    "目录声明了方向的特征变化时，风险是否从不反向变化。",
    "Whether the risk never moves the wrong way when a feature with a declared direction grows.",
    "refuses",
    "请对该特征施加单调约束，或在目录中更正其方向。",
    "Constrain the model in that feature, or correct its direction in the catalogue.",
    "result",
)  # fmt: skip
BETTER_THAN_PRIOR = Check(
    "TRN012", "对比先验比率", "Against the prior rate",
    "对数损失是否优于训练期的先验比率，且排序优于随机。",
    "Whether the log loss is lower than that of the prior rate of the training rows, and the order better than chance.",
    "refuses", *_LONGER, "result",
)  # fmt: skip
HOLDS_AGAINST_CHAMPION = Check(
    "TRN013", "对比在用模型", "Against the champion",
    "在同一批最新行上，与在用模型相比，AUC 和对数损失的增益区间是否并非全在零以下。",
    "Whether on the same newest rows the gain over the champion, in AUC and in log loss, is not wholly below zero.",
    "refuses",
    "请沿用在用模型，查明新模型为何变差。", "Keep the champion, and find out what made the new model worse.",
    "promotion",
)  # fmt: skip

CHECKS = (
    OUTCOMES_DELIVERED, LEAK, SPLIT_IN_TIME, COMPLETE_WINDOWS, TEST_AS_DRAWN, ENOUGH_OUTCOMES, BEATS_RULES,
    HOLDS_AGAINST_SCORECARD, CALIBRATED, STABLE_LIST, MONOTONE, BETTER_THAN_PRIOR, HOLDS_AGAINST_CHAMPION,
)  # fmt: skip

# Without a verdict of each of these a training says too little about a head for it to be promoted.
ASKED_OF_EVERY_HEAD = tuple(
    check.code for check in CHECKS if check.severity == "refuses" and check.at in ("method", "result")
)
