"""Model servers on this machine: Ollama is detected automatically, the others when an admin asks, in a second or not at all."""

import time

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.upstream.handle import Upstream as Fake
from webapp.models.connections.local_servers import ADDRESS, PATIENCE_SECONDS, LocalServers, OllamaProbe
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import PROVIDERS
from webapp.models.connections.usual_servers import LOCAL, names_by_address
from webapp.models.connections.views import LOCAL_SERVERS, NEIGHBOUR

SLUG = "ollama-on-this-machine"
OTHERS = [
    {"raw": [{"hang": True}]},
    {"html": "<p>Something else lives here</p>"},
    {"json": {"data": "?"}},
    {"json": []},
    {"status": 500, "json": {}},
]


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def neighbour(app: Flask, fake: Fake, clock: Clock) -> OllamaProbe:
    """The scripted upstream in place of Ollama, with a timeout that suits a busy machine."""
    found = OllamaProbe(PROVIDERS.of(app).upstream, fake.base_url.replace("/api", "/its/api"), clock, 30)
    NEIGHBOUR.set(found, app)
    return found


def test_it_is_offered_and_connected_with_one_button(owner: Browser, app: Flask, neighbour: OllamaProbe) -> None:
    page = owner.page("/admin/connections")
    assert page.says("Ollama on this machine detected automatically")
    assert page.says("2 models")

    page = page.press("Connect")

    assert page.heading == "Ollama on this machine"
    assert page.says("works")
    with app.app_context():
        assert [model.id for model in the_models().offered()] == [
            f"ollama-on-this-machine:fake/{name}" for name in ("plain", "large")
        ]
        assert the_models().default() == f"{SLUG}:fake/plain"
    assert not owner.page("/admin/connections").says("detected automatically")


def test_it_is_looked_for_once_a_minute(owner: Browser, fake: Fake, neighbour: OllamaProbe, clock: Clock) -> None:
    for _ in range(3):
        owner.page("/admin/connections")
    assert len(fake.log()) == 1

    clock.seconds = 61
    owner.page("/admin/connections")
    assert len(fake.log()) == 2


@pytest.mark.mostly_slow
@pytest.mark.parametrize("behaviour", OTHERS)
def test_what_is_no_model_server_is_not_offered_and_holds_nobody_up(
    owner: Browser, fake: Fake, neighbour: OllamaProbe, behaviour: dict[str, object]
) -> None:
    owner.page("/settings")
    neighbour.patience_seconds = PATIENCE_SECONDS
    fake.always(behaviour, at="/models")
    began_at = time.monotonic()

    page = owner.page("/admin/connections")

    assert time.monotonic() - began_at < 10
    assert not page.says("detected automatically")


def test_when_it_has_gone_meanwhile_the_button_says_so(owner: Browser, fake: Fake, neighbour: OllamaProbe, clock: Clock) -> None:
    page = owner.page("/admin/connections")
    clock.seconds = 61
    fake.always({"status": 503, "json": {}}, at="/models")

    assert page.press("Connect").status_code == 409


def test_usually_it_is_where_ollama_listens() -> None:
    assert ADDRESS == "http://127.0.0.1:11434/v1"


# The others


@pytest.fixture
def around(app: Flask, fake: Fake) -> LocalServers:
    """The scripted upstream in place of LM Studio, and a port on which nothing listens."""
    around = LocalServers(PROVIDERS.of(app).upstream, {fake.base_url: "LM Studio", "http://127.0.0.1:9/v1": "vLLM"}, 30)
    LOCAL_SERVERS.set(around, app)
    return around


def test_the_usual_ports_are_asked_only_when_wanted_and_what_answers_is_connected(
    owner: Browser, fake: Fake, around: LocalServers
) -> None:
    page = owner.page("/admin/connections/new")
    assert fake.log() == []

    page = page.press("Look on this machine")
    assert page.says("LM Studio")
    assert page.says("2 models")
    assert not page.has("button", "Connect vLLM")

    page = page.press("Connect LM Studio")
    assert page.heading == "LM Studio"
    assert page.says("works")
    assert owner.page("/admin/connections/new").press("Look on this machine").says("No other model server answered")


def test_no_member_looks(member: Browser, fake: Fake, around: LocalServers) -> None:
    assert member.post("/admin/connections/search").status_code == 403
    assert fake.log() == []


def test_servers_with_the_same_usual_port_are_asked_once() -> None:
    names = names_by_address()
    assert names["http://127.0.0.1:8080/v1"] == "llama.cpp or LocalAI"
    assert set(names) == {server.base_url for server in LOCAL}
