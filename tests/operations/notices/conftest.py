"""Fixtures of notices: a push service that this server may reach, and a member's device there."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.api.client import Client
from tests.api.conftest import other, program
from tests.operations.notices.push_service import Device, PushService, push_service
from tests.upstream.fixtures import app
from webapp.operations.notices.sending import TRUST

__all__ = ["app", "other", "program"]
AddDevice = Callable[..., tuple[Device, str]]


@pytest.fixture
def service(app: Flask) -> Iterator[PushService]:
    TRUST.set("operator", app)
    with push_service() as running:
        yield running


@pytest.fixture
def add_device(program: Client, service: PushService) -> AddDevice:
    def add(path: str = "/phone", client: Client = program) -> tuple[Device, str]:
        device = Device()
        answer = client.post("/devices", {"endpoint": service.url + path, "keys": device.keys, "name": path[1:]}, status=201)
        return device, answer["id"]

    return add
