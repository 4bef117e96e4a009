"""The settings of a process: read once from the environment, typed, all problems at once, secrets never shown.

Every variable begins with LEADFLOW_; its unit is the last word of its name. What is not set comes from the running
cluster of LEADFLOW_DATA (`cluster_file.py`), else from the defaults here. Nothing else in leadflow reads the
environment, except the cache folder of downloads (`console/cluster/cache.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from config.cluster_file import FILE_NAME, read_cluster_file
from config.setting_problems import PREFIX, Problem, SettingsProblems, field_problem, unknown_problem

#: Variables that begin like settings and are none: the tests' own, and the folder of downloads.
OTHER_VARIABLES = ("LEADFLOW_TEST_", "LEADFLOW_CACHE")

HASH_KEY_BYTES_MIN = 16

_NAME = r"^[a-z0-9][a-z0-9-]{0,59}$"
_URL = r"^https?://\S+$"


class Settings(BaseSettings):
    """What people set. Made by `load_settings`; frozen, handed down, never looked up from elsewhere."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", validate_default=False)

    # --- where things are
    kafka: str = Field(
        "",
        pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$",
        title="host:port, several with commas",
        description="Address of Kafka. Default: the running cluster of LEADFLOW_DATA.",
    )
    kafka_security_file: Path | None = Field(
        None,
        title="a file with librdkafka's TLS and SASL options, `name = value` a line",
        description="How to reach a secured Kafka; its content is never shown.",
    )
    redis: str = Field(
        "",
        pattern=r"^(redis|rediss|unix)://\S+$",
        repr=False,  # may hold a password
        title="a URL such as redis://127.0.0.1:6379/0",
        description="Redis or Valkey that holds the claims. Default: the running cluster of LEADFLOW_DATA.",
    )
    schema_registry: str = Field(
        "",
        pattern=_URL,
        repr=False,
        title="a URL",
        description="Schema registry (Confluent's REST); empty: the committed ids.",
    )
    schemas_extra: Path | None = Field(
        None, title="a folder of <id>.avsc files", description="Further schemas that upstream teams write with."
    )
    data: Path = Field(
        Path(".leadflow"),
        title="a folder",
        description="Folder of the one-machine cluster and of a worker's own files.",
    )
    prefix: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9._-]{0,40}$",
        title="at most 40 letters, digits, dots, dashes, such as acme.",
        description="Stands before all topics, groups, transactional ids and Redis keys.",
    )

    # --- who this process is
    name: str = Field(
        "w1", pattern=_NAME, title="lower-case letters, digits, dashes", description="Name of this worker: its slot."
    )
    group: str = Field(
        "leadflow",
        pattern=_NAME,
        title="lower-case letters, digits, dashes",
        description="Consumer group of all workers.",
    )
    web_host: str = Field(
        "127.0.0.1", title="an address", description="Address of the web ports: a worker's, and the auditor's."
    )
    web_port: int = Field(
        6066, ge=0, le=65535, title="0 to 65535", description="Port for metrics, health and schemas; 0: any free one."
    )
    hash_key: SecretStr = Field(
        SecretStr(""),
        title=f"at least {HASH_KEY_BYTES_MIN} bytes, the same for all workers, kept for ever",
        description="Secret key of the hashes of e-mail and phone. Default: the running cluster's.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", title="DEBUG, INFO, WARNING or ERROR", description="Least severe facts that are logged."
    )

    # --- topics (pinned once they exist)
    lead_partitions: int = Field(8, ge=1, le=1000, title="1 to 1000", description="Partitions of topics keyed by lead.")
    buyer_partitions: int = Field(8, ge=1, le=1000, title="1 to 1000", description="Partitions of the buyers' inbox.")
    replication: int = Field(1, ge=1, le=9, title="1 to 9", description="Copies of each topic; 3 in production.")
    retention_days: int = Field(
        90, ge=1, le=3650, title="1 to 3650", description="Days for which topics with persons are kept."
    )
    memory_days: int = Field(
        30,
        ge=1,
        le=3650,
        title="1 to 3650, at least three times the longest sell_within",
        description="Days for which an owner remembers the leads that it bought.",
    )

    # --- how a worker works
    session_timeout_ms: int = Field(
        6000, ge=1000, le=300_000, title="1000 to 300000", description="Silence after which a worker is taken for dead."
    )
    heartbeat_ms: int = Field(
        600,
        ge=100,
        le=60_000,
        title="100 to a third of the session",
        description="How often a worker says that it lives.",
    )
    epoch_records_max: int = Field(
        3000, ge=1, le=100_000, title="1 to 100000", description="Most records in one transaction."
    )
    linger_ms_max: int = Field(
        5, ge=0, le=1000, title="0 to 1000", description="Longest wait for more records once some are there."
    )
    redis_timeout_ms: int = Field(
        400, ge=10, le=500, title="10 to 500", description="Longest wait for Redis before the stage rests."
    )
    registry_timeout_ms: int = Field(
        2000, ge=10, le=60_000, title="10 to 60000", description="Longest wait for the schema registry."
    )
    disk_free_min_mib: int = Field(
        1024,
        ge=0,
        le=1_000_000,
        title="0 to 1000000",
        description="Below this free disk the one-machine cluster rests.",
    )

    # --- pretended time, for demonstrations
    clock_start: str = Field(
        "", title="an ISO time in UTC, 2026-06-02T17:00:00Z", description="Pretended time at LEADFLOW_CLOCK_ANCHOR_MS."
    )
    clock_anchor_ms: int = Field(
        0, ge=0, title="ms since 1970, UTC", description="Real time at which LEADFLOW_CLOCK_START holds."
    )
    clock_rate: float = Field(
        1.0, gt=0, le=1_000_000, allow_inf_nan=False, title="above 0", description="Pretended ms that pass per real ms."
    )

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load_settings` gives and nothing else: no environment behind its back."""
        return (init_settings,)

    @field_validator("clock_start")
    @classmethod
    def _is_utc_time(cls, value: str) -> str:
        if value and (_parsed_time(value) is None):
            raise ValueError("is not a time in UTC")
        return value

    @field_validator("hash_key")
    @classmethod
    def _is_long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value().encode()) < HASH_KEY_BYTES_MIN:
            raise ValueError("is too short")
        return value

    @field_validator("schemas_extra")
    @classmethod
    def _is_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("is not a folder")
        return value

    @field_validator("kafka_security_file")
    @classmethod
    def _is_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("is not a file")
        return value

    @property
    def clock_start_ms(self) -> int:
        """The pretended start in ms since 1970, UTC; 0 when time is real."""
        start = _parsed_time(self.clock_start) if self.clock_start else None
        return int(start.timestamp() * 1000) if start else 0

    @property
    def hash_key_bytes(self) -> bytes:
        """The key itself; for the one place that makes hashes."""
        return self.hash_key.get_secret_value().encode()

    def origin(self, field: str) -> str:
        """Return where a value comes from: "environment", "default", or the cluster file's path."""
        return self._origins.get(field, "default")

    def need(self, *fields: str) -> None:
        """Raise SettingsProblems for those of `fields` that have no value; for commands that cannot do without."""
        without = [field for field in fields if not _has_value(getattr(self, field))]
        if without:
            raise SettingsProblems(_needed(field, self.data) for field in without)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings of a process from its environment. Raises SettingsProblems with all that is wrong."""
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value != ""}
    variables = {PREFIX + field.upper(): field for field in Settings.model_fields}
    problems = [
        unknown_problem(name, variables)
        for name in sorted(given)
        if name not in variables and not name.startswith(OTHER_VARIABLES)
    ]
    from_environment = _from_environment(given)
    data = Path(str(from_environment.get("data", Settings.model_fields["data"].default)))
    from_cluster, file_problems = read_cluster_file(data)
    from_cluster = {field: value for field, value in from_cluster.items() if field not in from_environment}
    settings, field_problems = _validated({**from_cluster, **from_environment})
    problems += file_problems + field_problems + _clashes(settings)
    if problems:
        raise SettingsProblems(problems)
    settings._origins.update({field: str(data / FILE_NAME) for field in from_cluster})
    settings._origins.update(dict.fromkeys(from_environment, "environment"))
    return settings


def is_secret(field: str) -> bool:
    """Whether a setting's value must never be shown."""
    return Settings.model_fields[field].annotation is SecretStr


def _from_environment(given: Mapping[str, str]) -> dict[str, Any]:
    source = EnvSettingsSource(Settings, case_sensitive=False, env_prefix=PREFIX)
    source.env_vars = {name.lower(): value for name, value in given.items() if name == name.upper()}
    return {name: value for name, value in source().items() if name in Settings.model_fields}


def _validated(values: Mapping[str, Any]) -> tuple[Settings, list[Problem]]:
    """Return the settings and what is wrong; a field with a problem has its default, so that all can be found."""
    try:
        return Settings(**values), []
    except ValidationError as error:
        problems = [_in_words(str(each["loc"][0]), each) for each in error.errors(include_url=False)]
        bad = {str(each["loc"][0]) for each in error.errors(include_url=False)}
    return Settings(**{field: value for field, value in values.items() if field not in bad}), problems


def _in_words(field: str, error: Any) -> Problem:
    info = Settings.model_fields[field]
    return field_problem(field, error, info.title or "", secret=is_secret(field) or not info.repr)


def _clashes(settings: Settings) -> list[Problem]:
    """Find settings that are right alone and wrong together."""
    found = []
    if settings.heartbeat_ms * 3 > settings.session_timeout_ms:
        found.append(
            Problem(
                "LEADFLOW_HEARTBEAT_MS",
                f"{settings.heartbeat_ms} is more than a third of LEADFLOW_SESSION_TIMEOUT_MS",
                f"at most {settings.session_timeout_ms // 3}",
            )
        )
    pretended = settings.clock_start != "", settings.clock_anchor_ms != 0
    if pretended[0] != pretended[1] or (settings.clock_rate != 1.0 and not all(pretended)):
        found.append(
            Problem(
                "LEADFLOW_CLOCK_START",
                "does not fit LEADFLOW_CLOCK_ANCHOR_MS and LEADFLOW_CLOCK_RATE",
                "start and anchor both set, or neither and no rate",
            )
        )
    return found


def _needed(field: str, data: Path) -> Problem:
    from_cluster = field in ("kafka", "redis", "hash_key")
    where = f"is not set, and no cluster runs in {data}" if from_cluster else "is not set"
    right = Settings.model_fields[field].title or ""
    return Problem(PREFIX + field.upper(), where, f"{right}, or `leadflow up`" if from_cluster else right)


def _has_value(value: object) -> bool:
    return bool(value.get_secret_value()) if isinstance(value, SecretStr) else value not in (None, "")


def _parsed_time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.utcoffset() == UTC.utcoffset(None) else None
