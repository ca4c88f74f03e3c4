"""What an installation may choose: where its state lives, which store it reads, where it listens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.sources.utils import parse_env_vars

from data_contracts.errors import InvalidInput, NotFound

PREFIX = "SITERISK_"
CONFIG_VARIABLE = PREFIX + "CONFIG"
CONFIG_NAME = "siterisk.toml"


class Settings(BaseSettings):
    """The settings of one installation; relative folders are taken from the working folder.

    `database_url` missing means `siterisk.db` in `home`. `host` is this machine only unless told.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = Path("var")
    database_url: str | None = Field(default=None, min_length=1)
    mlruns: Path = Path("mlruns")
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=3000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)

    @property
    def store_url(self) -> str:
        """The address of the record store, absolute, so that a worker started elsewhere finds it."""
        return self.database_url or f"sqlite:///{(self.home / 'siterisk.db').absolute()}"

    def as_environment(self) -> dict[str, str]:
        """These settings as SITERISK_ variables, for a process started elsewhere."""
        given = {
            "HOME": self.home.absolute(),
            "DATABASE_URL": self.store_url,
            "MLRUNS": self.mlruns.absolute(),
            "HOST": self.host,
            "PORT": self.port,
            "WORKERS": self.workers,
        }
        return {PREFIX + name: str(value) for name, value in given.items()}


def load_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """The settings from SITERISK_ variables first, then from the TOML file.

    The file is the one named by SITERISK_CONFIG, or `siterisk.toml` in `folder` if there is one.
    Raises InvalidInput naming every setting that is unknown or cannot be read, NotFound if the
    file named by SITERISK_CONFIG does not exist.
    """
    given = {name: value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    config = _config_file(given, folder)
    unknown = [name for name in given if name.upper() != CONFIG_VARIABLE and not _is_setting(name)]
    if unknown:
        raise _bad_settings([f"{name}: no such setting" for name in sorted(unknown)], config)

    class Reader(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            *_: PydanticBaseSettingsSource,
            **__: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                _GivenVariables(settings_cls, given),
                TomlConfigSettingsSource(settings_cls, config),
            )

    try:
        return Settings.model_construct(**dict(Reader()))
    except ValidationError as error:
        faults = [f"{_where(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise _bad_settings(faults, config) from None
    except ValueError as error:  # tomllib.TOMLDecodeError is one
        raise _bad_settings([str(error)], config) from None


class _GivenVariables(EnvSettingsSource):
    """The variables handed in, instead of this process's environment."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str]) -> None:
        self.variables = variables
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return parse_env_vars(
            self.variables, self.case_sensitive, self.env_ignore_empty, self.env_parse_none_str
        )


def _config_file(given: Mapping[str, str], folder: Path) -> Path | None:
    named = given.get(CONFIG_VARIABLE)
    path = folder / (named or CONFIG_NAME)
    if path.is_file():
        return path
    if named:
        raise NotFound(
            zh=f"找不到 {CONFIG_VARIABLE} 指定的配置文件：{path}",
            en=f"{CONFIG_VARIABLE} names a file that does not exist: {path}",
            field=CONFIG_VARIABLE,
        )
    return None


def _is_setting(name: str) -> bool:
    return name.upper().removeprefix(PREFIX).lower() in Settings.model_fields


def _where(location: tuple[Any, ...]) -> str:
    name = str(location[0])
    return f"{PREFIX}{name.upper()} ({name})"


def _bad_settings(faults: list[str], config: Path | None) -> InvalidInput:
    known = ", ".join(PREFIX + name.upper() for name in Settings.model_fields)
    source = f" or {config}" if config else ""
    listed = "; ".join(faults)
    return InvalidInput(
        zh=f"配置有误（{PREFIX} 环境变量{f'或 {config}' if config else ''}）：{listed}。可用的配置项：{known}",
        en=f"Bad settings in {PREFIX} variables{source}: {listed}. Settings are: {known}",
        field="settings",
    )
