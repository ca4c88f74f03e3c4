"""An import goes down, never up: the four floors of the house, read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("data_contracts", "features", "training", "serving")
DOOR = ("training.risk_model", "training.contributions")
WHERE_FLOORS_MEET = "serving.command_line"
CITY = "data_contracts.synthetic_city"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    """Every module that the file imports, at its top or inside a function, in full."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the floor they reach"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def under(module: str, parent: str) -> bool:
    return module == parent or module.startswith(parent + ".")


def may_import(importer: str, imported: str) -> bool:
    floor, target = importer.split(".", maxsplit=1)[0], imported.split(".", maxsplit=1)[0]
    if target not in FLOORS or under(importer, WHERE_FLOORS_MEET):
        return True
    if under(imported, CITY):
        return under(importer, CITY)
    if floor == "serving" and target == "training":
        return any(under(imported, door) for door in DOOR)
    return FLOORS.index(target) <= FLOORS.index(floor)


@pytest.mark.parametrize("floor", FLOORS)
def test_an_import_goes_down_never_up(floor: str) -> None:
    wrong = [
        f"{module_of(path)} imports {imported}"
        for path in sorted((ROOT / floor).rglob("*.py"))
        for imported in imports_of(path)
        if not may_import(module_of(path), imported)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("data_contracts.intake", "features.catalogue.load_catalogue", False),
        ("features.fact_index", "training.heads", False),
        ("serving.scorer", "training.risk_model.RiskModel", True),
        ("serving.scorer", "training.experiment.train", False),
        ("serving.command_line.models", "training.experiment.train", True),
        ("training.labels", "data_contracts.synthetic_city.truth", False),
        ("training.labels", "features.fact_index.FactIndex", True),
    ],
)
def test_the_rule_of_the_floors_itself(importer: str, imported: str, allowed: bool) -> None:
    assert may_import(importer, imported) is allowed


def test_nothing_of_ours_is_named_like_a_drawer() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "core", "misc", "base", "deprecated"}
    found = [
        module_of(p) for f in FLOORS for p in (ROOT / f).rglob("*.py") if vague & set(p.with_suffix("").parts)
    ]
    assert not found


def test_no_pickle_is_imported() -> None:
    unsafe = {"pickle", "cloudpickle", "joblib", "dill", "shelve", "marshal"}
    found = [
        f"{module_of(path)} imports {name}"
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        for name in imports_of(path)
        if name.split(".")[0] in unsafe
    ]
    assert not found
