"""The compose file: short image names, services, commands and settings that exist, files that are there."""

from __future__ import annotations

import re
from typing import Any

from config.settings import Settings
from tests.support import core_yaml
from tests.support.checkout import ROOT
from tests.support.command_line import wrong_with

COMPOSE = ROOT / "docker-compose.yml"


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = core_yaml.load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


def test_images_have_short_names_and_a_version() -> None:
    images = {service["image"] for service in compose()["services"].values() if "build" not in service}
    assert images
    for image in images:
        name, _, version = image.partition(":")
        assert "." not in name.partition("/")[0], f"{image} names a registry's host"
        assert version not in ("", "latest"), f"{image} is not pinned"


def test_dependencies_are_services() -> None:
    services = compose()["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", [])) <= set(services), name


def test_our_containers_and_the_comments_call_commands_that_exist() -> None:
    ours = [service for service in compose()["services"].values() if "build" in service]
    said = re.findall(r"^#.*(?:run --rm leadflow|\./leadflow) (.+)$", COMPOSE.read_text(encoding="utf-8"), re.MULTILINE)
    calls = [*said, *(service["command"] for service in ours if "command" in service)]
    assert len(said) > 1
    assert len(calls) - len(said) > 3
    for call in calls:
        name, _, rest = call.partition(" ")
        assert wrong_with(name, f" {rest}") == "", call


def test_settings_of_the_containers_exist() -> None:
    known = {f"LEADFLOW_{field.upper()}" for field in Settings.model_fields}
    given = {
        variable
        for service in compose()["services"].values()
        for variable in service.get("environment", {})
        if variable.startswith("LEADFLOW_")
    }
    assert given
    assert given <= known


def test_mounted_files_are_in_the_checkout() -> None:
    mounted = {
        volume.partition(":")[0]
        for service in compose()["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    }
    assert mounted
    assert sorted(path for path in mounted if not (ROOT / path).exists()) == []


def test_ports_are_open_on_this_machine_alone() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
