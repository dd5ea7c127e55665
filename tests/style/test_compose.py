"""docker-compose.yml speaks of what is there: services, settings, programs, files."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from evenflow.settings import PREFIX, Settings
from tests.style.source_files import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONDITIONS = {"service_healthy", "service_completed_successfully"}


def setting_names() -> set[str]:
    """Every environment variable the settings know."""
    names = set()
    for group, field in Settings.model_fields.items():
        leaves = getattr(field.annotation, "model_fields", None)
        names |= {f"{group}_{leaf}" for leaf in leaves} if leaves else {group}
    return {PREFIX + name.upper() for name in names}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_only_for_services_that_can_be_waited_for(name: str) -> None:
    for needed, terms in SERVICES[name].get("depends_on", {}).items():
        assert needed in SERVICES
        assert terms["condition"] in CONDITIONS
        assert terms["condition"] != "service_healthy" or "healthcheck" in SERVICES[needed]


@pytest.mark.parametrize("name", ["prepare", "api", "worker"])
def test_our_services_set_only_settings_that_exist(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= setting_names()
    assert {"EVENFLOW_DATABASE_URL", "EVENFLOW_TEMPORAL_ADDRESS"} <= set(SERVICES[name]["environment"])


def test_the_api_and_the_worker_share_a_directory_that_the_user_of_the_image_owns() -> None:
    shared = {name: SERVICES[name]["environment"].get("EVENFLOW_DATA_DIR") for name in ("api", "worker")}
    directory = shared["api"]
    assert directory == shared["worker"] == "/var/lib/evenflow"
    for name in shared:
        volume = next(one for one in SERVICES[name]["volumes"] if one.endswith(f":{directory}"))
        assert volume.partition(":")[0] in COMPOSE["volumes"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"--owner=evenflow --group=evenflow {directory}" in dockerfile
    assert f"ENV EVENFLOW_DATA_DIR={directory}" in dockerfile
    assert dockerfile.index("install --directory") < dockerfile.index("USER evenflow")


def test_no_port_is_open_to_the_world_and_no_secret_is_written_down() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_every_image_is_pinned() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert [image for image in images if ":" not in image or image.endswith(":latest")] == []
