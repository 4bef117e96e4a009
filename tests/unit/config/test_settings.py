"""Settings: typed, all problems at once, their origin known, secrets never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.cluster_file import FILE_NAME, KEYS
from config.setting_problems import SettingsProblems
from config.settings import Settings, is_secret, load_settings
from config.settings_shown import settings_table, shown_settings, without_password

KEY = "hunter2-hunter2-hunter2"


def load(folder: Path, **values: str) -> Settings:
    given = {f"LEADFLOW_{name.upper()}": value for name, value in values.items()}
    return load_settings({"LEADFLOW_DATA": str(folder), "PATH": "/bin", **given})


def problems(folder: Path, **values: str) -> dict[str, str]:
    with pytest.raises(SettingsProblems) as caught:
        load(folder, **values)
    assert str(caught.value).count("\n") == len(caught.value.problems) - 1, "one line each"
    return {problem.variable: str(problem) for problem in caught.value.problems}


def test_nothing_set_gives_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.lead_partitions, settings.group, settings.retention_days) == (8, "leadflow", 90)
    assert settings.origin("lead_partitions") == "default"
    assert settings.origin("data") == "environment"


def test_the_environment_is_typed(tmp_path: Path) -> None:
    settings = load(tmp_path, kafka="k1:9092,k2:9092", web_port="0", linger_ms_max="7", clock_rate="1", hash_key=KEY)
    assert (settings.kafka, settings.web_port, settings.linger_ms_max) == ("k1:9092,k2:9092", 0, 7)
    assert settings.hash_key_bytes == KEY.encode()
    assert settings.origin("kafka") == "environment"


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    assert load(tmp_path, web_port="", kafka="").web_port == 6066


def test_settings_never_change(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).kafka = "elsewhere:1"


# --- problems ------------------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once_each_with_what_would_be_right(tmp_path: Path) -> None:
    said = problems(
        tmp_path,
        web_port="http",
        lead_partitions="0",
        kafka="nowhere",
        redis="127.0.0.1:6379",
        log_level="loud",
        group="Lead Flow",
        clock_start="2026-06-02T17:00:00",
        schemas_extra=str(tmp_path / "missing"),
        kafka_security_file=str(tmp_path),
        heartbeat_ms="4000",
    )
    folder, file = said.pop("LEADFLOW_SCHEMAS_EXTRA"), said.pop("LEADFLOW_KAFKA_SECURITY_FILE")
    assert said == {
        "LEADFLOW_WEB_PORT": "LEADFLOW_WEB_PORT 'http' is not a whole number; right would be: 0 to 65535",
        "LEADFLOW_LEAD_PARTITIONS": "LEADFLOW_LEAD_PARTITIONS '0' is below 1; right would be: 1 to 1000",
        "LEADFLOW_KAFKA": "LEADFLOW_KAFKA 'nowhere' does not have the right form; "
        "right would be: host:port, several with commas",
        "LEADFLOW_REDIS": "LEADFLOW_REDIS does not have the right form; "
        "right would be: a URL such as redis://127.0.0.1:6379/0",
        "LEADFLOW_LOG_LEVEL": "LEADFLOW_LOG_LEVEL 'loud' is not one of the words allowed; "
        "right would be: DEBUG, INFO, WARNING or ERROR",
        "LEADFLOW_GROUP": "LEADFLOW_GROUP 'Lead Flow' does not have the right form; "
        "right would be: lower-case letters, digits, dashes",
        "LEADFLOW_CLOCK_START": "LEADFLOW_CLOCK_START '2026-06-02T17:00:00' is not a time in UTC; "
        "right would be: an ISO time in UTC, 2026-06-02T17:00:00Z",
        "LEADFLOW_HEARTBEAT_MS": "LEADFLOW_HEARTBEAT_MS 4000 is more than a third of LEADFLOW_SESSION_TIMEOUT_MS; "
        "right would be: at most 2000",
    }
    assert "is not a folder" in folder
    assert "is not a file" in file


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("LEADFLOW_KAFKKA", "LEADFLOW_KAFKA, if that is meant"),
        ("LEADFLOW_PARTITIONS", "LEADFLOW_LEAD_PARTITIONS, if that is meant"),
        ("LEADFLOW_NONSENSE_XYZ", "`leadflow settings` lists what there is"),
        ("LEADFLOW_web_port", "LEADFLOW_WEB_PORT"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(tmp_path: Path, variable: str, hint: str) -> None:
    with pytest.raises(SettingsProblems, match="is no setting of leadflow") as caught:
        load_settings({variable: "1", "LEADFLOW_DATA": str(tmp_path)})
    assert hint in str(caught.value)


def test_names_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    load(tmp_path, test_kafka="127.0.0.1:9092", cache="cache")


@pytest.mark.parametrize(
    "values",
    [
        {"clock_rate": "60"},
        {"clock_start": "2026-06-02T17:00:00Z"},
        {"clock_anchor_ms": "1780000000000"},
        {"clock_start": "2026-06-02T17:00:00Z", "clock_rate": "60"},
    ],
)
def test_half_a_clock_is_refused(tmp_path: Path, values: dict[str, str]) -> None:
    assert "start and anchor both set" in problems(tmp_path, **values)["LEADFLOW_CLOCK_START"]


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_time_goes_forward(tmp_path: Path, rate: str) -> None:
    assert "LEADFLOW_CLOCK_RATE" in problems(tmp_path, clock_rate=rate)


def test_a_pretended_start_is_milliseconds(tmp_path: Path) -> None:
    settings = load(tmp_path, clock_start="2026-06-02T17:00:00Z", clock_anchor_ms="1", clock_rate="60")
    assert settings.clock_start_ms == 1_780_419_600_000
    assert load(tmp_path).clock_start_ms == 0


def test_what_a_command_needs_is_said_with_the_way_to_get_it(tmp_path: Path) -> None:
    load(tmp_path, kafka="127.0.0.1:9092").need("kafka")
    with pytest.raises(SettingsProblems) as caught:
        load(tmp_path).need("kafka", "redis", "hash_key", "schema_registry")
    lines = str(caught.value).split("\n")
    assert [line.split()[0] for line in lines] == [
        "LEADFLOW_KAFKA", "LEADFLOW_REDIS", "LEADFLOW_HASH_KEY", "LEADFLOW_SCHEMA_REGISTRY",
    ]  # fmt: skip
    assert f"no cluster runs in {tmp_path}" in lines[0]
    assert lines[0].endswith("or `leadflow up`")
    assert not lines[3].endswith("or `leadflow up`")


# --- the running cluster ---------------------------------------------------------------------------------------


def cluster(folder: Path, **content: object) -> None:
    (folder / FILE_NAME).write_text(json.dumps(content))


def test_a_running_cluster_supplies_what_is_not_set(tmp_path: Path) -> None:
    (tmp_path / "hash.key").write_text(KEY + "\n")
    cluster(
        tmp_path, kafka="127.0.0.1:1", redis="redis://127.0.0.1:2/0", lead_partitions=3, hash_key_file="hash.key", pid=7
    )
    settings = load(tmp_path, redis="redis://127.0.0.1:9/0")
    assert (settings.kafka, settings.redis, settings.lead_partitions) == ("127.0.0.1:1", "redis://127.0.0.1:9/0", 3)
    assert settings.hash_key_bytes == KEY.encode()
    assert settings.origin("kafka") == settings.origin("hash_key") == str(tmp_path / FILE_NAME)
    assert settings.origin("redis") == "environment"


def test_a_cluster_that_has_stopped_supplies_no_address(tmp_path: Path) -> None:
    cluster(tmp_path, kafka="", redis="", prefix="", group="leadflow", hash_key_file=None)
    with pytest.raises(SettingsProblems, match="LEADFLOW_KAFKA is not set"):
        load(tmp_path).need("kafka")


@pytest.mark.parametrize("content", ["{", "[]", "\x00\xff"])
def test_a_cluster_file_that_cannot_be_read_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_bytes(content.encode("latin-1"))
    assert "cannot be read" in problems(tmp_path)["LEADFLOW_DATA"]


def test_a_key_file_that_is_missing_is_said(tmp_path: Path) -> None:
    cluster(tmp_path, hash_key_file="gone.key")
    assert "FileNotFoundError" in problems(tmp_path)["LEADFLOW_HASH_KEY"]


def test_all_that_a_cluster_may_supply_are_settings() -> None:
    assert set(KEYS) <= set(Settings.model_fields)


# --- what is shown -----------------------------------------------------------------------------------------------


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    url = "redis://someone:hunter2@127.0.0.1:6379/0"
    registry = "http://someone:hunter2@registry.example"
    settings = load(tmp_path, hash_key=KEY, redis=url, schema_registry=registry)
    shown = {row.variable: row for row in shown_settings(settings)}
    assert "hunter2" not in repr(settings) + str(settings) + str(shown)
    assert shown["LEADFLOW_HASH_KEY"].value == "***"
    assert shown["LEADFLOW_REDIS"].value == "redis://***@127.0.0.1:6379/0"
    assert shown["LEADFLOW_REDIS"].origin == "environment"


def test_a_secret_that_is_wrong_is_not_quoted(tmp_path: Path) -> None:
    said = problems(tmp_path, hash_key="hunter2", redis="//someone:hunter2@h", schema_registry="someone:hunter2@h")
    assert len(said) == 3
    assert "hunter2" not in str(said)


def test_a_url_without_password_is_shown_as_it_is() -> None:
    assert without_password("redis://127.0.0.1:1/0") == "redis://127.0.0.1:1/0"
    assert without_password("http://a:b@h:1/x?y=1") == "http://***@h:1/x?y=1"


def test_every_setting_is_documented() -> None:
    rows = settings_table()
    assert [row.variable for row in rows] == [f"LEADFLOW_{name.upper()}" for name in Settings.model_fields]
    for row in rows:
        assert row.doc.endswith(".")
        assert row.values
    assert is_secret("hash_key")
    assert not is_secret("kafka")
    assert next(row.default for row in rows if row.variable == "LEADFLOW_RETENTION_DAYS") == "90"
