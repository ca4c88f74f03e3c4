"""Settings come from variables or a file, and a bad one is named."""

from pathlib import Path

import pytest

from data_contracts.errors import InvalidInput, NotFound
from serving.settings import load_settings


def test_without_any_setting_state_lives_in_var_and_only_this_machine_is_served(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert (settings.home, settings.mlruns) == (Path("var"), Path("mlruns"))
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 3000, 1)
    assert settings.store_url == f"sqlite:///{Path.cwd()}/var/siterisk.db"


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "siterisk.toml").write_text('port = 4000\nhome = "/srv/siterisk"\n')
    settings = load_settings({"SITERISK_PORT": "5000"}, tmp_path)
    assert (settings.port, settings.home) == (5000, Path("/srv/siterisk"))
    assert settings.store_url == "sqlite:////srv/siterisk/siterisk.db"


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    named = tmp_path / "other.toml"
    named.write_text('database_url = "postgresql+psycopg://store/siterisk"\n')
    settings = load_settings({"SITERISK_CONFIG": str(named)}, tmp_path)
    assert settings.store_url == "postgresql+psycopg://store/siterisk"
    with pytest.raises(NotFound, match="does not exist"):
        load_settings({"SITERISK_CONFIG": str(tmp_path / "absent.toml")}, tmp_path)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SITERISK_PORT": "abc"}, "SITERISK_PORT"),
        ({"SITERISK_PORT": "70000"}, "SITERISK_PORT"),
        ({"SITERISK_WORKERS": "0"}, "SITERISK_WORKERS"),
        ({"SITERISK_HOEM": "/srv"}, "SITERISK_HOEM"),
        ({"SITERISK_DATABASE_URL": ""}, "SITERISK_DATABASE_URL"),
        ({"SITERISK_PORT": "x", "SITERISK_WORKERS": "y"}, "SITERISK_WORKERS"),
    ],
)
def test_a_bad_variable_is_named_in_both_languages(
    tmp_path: Path, variables: dict[str, str], named: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_settings(variables, tmp_path)
    assert named in refused.value.zh
    assert named in refused.value.en
    assert "配置有误" in refused.value.zh


@pytest.mark.parametrize("text", ["port = ", 'colour = "red"', "port = [1]", "[home]\na = 1"])
def test_a_bad_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "siterisk.toml").write_text(text)
    with pytest.raises(InvalidInput, match=r"siterisk\.toml"):
        load_settings({}, tmp_path)


def test_settings_handed_to_another_process_mean_the_same_there(tmp_path: Path) -> None:
    settings = load_settings({"SITERISK_HOME": str(tmp_path), "SITERISK_PORT": "3100"}, tmp_path)
    again = load_settings(settings.as_environment(), tmp_path / "elsewhere")
    assert again.store_url == settings.store_url
    assert (again.home, again.port) == (tmp_path, 3100)
