"""The files of a deployment speak of this siterisk: its settings, commands, port and limits; and the page names each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from serving.command_line.application import application
from serving.command_line.service_commands import SERVICE
from serving.request_guard import LARGEST_BODY
from serving.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
FILES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "deployment").iterdir()}


def test_the_page_names_every_file_and_every_file_that_it_names_is_there() -> None:
    assert set(re.findall(r"\]\(deployment/([\w.-]+)\)", PAGE)) == set(FILES)


@pytest.mark.parametrize("text", [PAGE, *FILES.values()], ids=["deployment.md", *FILES])
def test_every_setting_and_command_that_is_told_exists(text: str) -> None:
    settings = set(re.findall(r"\bSITERISK_([A-Z_]+)", text))
    assert settings <= {name.upper() for name in Settings.model_fields}
    siterisk = application()
    commands = {one.callback.__name__ for one in siterisk.registered_commands if one.callback}
    commands |= {str(group.name or group.typer_instance.info.name) for group in siterisk.registered_groups}
    told = re.findall(r'(?:/bin/|^    |`|"|\[")siterisk"?,? "?([a-z]+)\b', text, re.MULTILINE)
    assert set(told) <= commands


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".service")])
def test_units_run_the_installed_command_as_the_services_user_with_its_settings(name: str) -> None:
    told = dict(line.split("=", 1) for line in FILES[name].splitlines() if "=" in line)
    assert "/opt/siterisk/bin/siterisk " in told["ExecStart"] + " "
    assert (told["User"], told["EnvironmentFile"]) == ("siterisk", "/etc/siterisk/environment")
    assert f"/var/lib/{told['StateDirectory']}/home" in PAGE
    assert {"EnvironmentFile", "StateDirectory"} <= set(told) and told["ProtectSystem"] == "strict"
    assert name == "siterisk.service" or name.replace(".service", ".timer") in FILES


def test_the_proxy_reaches_the_services_port_says_https_and_lets_the_largest_body_through() -> None:
    nginx = FILES["nginx.conf"]
    assert f"proxy_pass http://{Settings().host}:{Settings().port};" in nginx
    assert "proxy_set_header X-Forwarded-Proto https;" in nginx
    megabytes = re.search(r"client_max_body_size (\d+)m;", nginx)
    assert megabytes and int(megabytes[1]) << 20 >= LARGEST_BODY


def test_the_bento_has_the_service_and_all_floors() -> None:
    told = yaml.safe_load(FILES["bentofile.yaml"])
    assert told["service"] == SERVICE
    packages = re.search(r"packages = (\[.*\])", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert packages and {f"{name}/" for name in yaml.safe_load(packages[1])} <= set(told["include"])
    assert (ROOT / told["python"]["requirements_txt"]).is_file()
