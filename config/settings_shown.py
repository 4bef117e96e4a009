"""The settings as people see them: a table of what there is, and the values of this process with their origin."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from config.setting_problems import PREFIX
from config.settings import Settings

STARS = "***"


class SettingRow(NamedTuple):
    """One line of the documentation's table."""

    variable: str
    values: str
    default: str
    doc: str


class ShownSetting(NamedTuple):
    """A setting of this process, fit for a screen: no secret in it."""

    variable: str
    value: str
    origin: str


def settings_table() -> list[SettingRow]:
    """Return all settings in the order of the source, for `leadflow settings` and the docs."""
    return [
        SettingRow(PREFIX + name.upper(), field.title or "", _shown(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def shown_settings(settings: Settings) -> list[ShownSetting]:
    """Return this process's values and where each comes from; secrets and passwords in URLs are stars."""
    return [
        ShownSetting(PREFIX + name.upper(), _shown(getattr(settings, name)), settings.origin(name))
        for name in Settings.model_fields
    ]


def without_password(url: str) -> str:
    """Return the URL with stars for its user and password."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=f"{STARS}@{parts.netloc.rpartition('@')[2]}"))


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return STARS if value.get_secret_value() else ""
    if value is None:
        return ""
    return without_password(value) if isinstance(value, str) and "://" in value else str(value)
