"""Model servers on this machine: looked for by itself until there is a connection, and when an admin asks, for a second."""

import time

import pytest
from flask import Flask

from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from tests.upstream.handle import Upstream as Fake
from webapp.models.connections.local_servers import LOCAL_SERVERS, MACHINE, SEARCH_SECONDS, LocalServers
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import PROVIDERS
from webapp.models.connections.usual_servers import LOCAL, THIS_HOST, names_by_address

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
def first(app: Flask, fake: Fake, clock: Clock) -> LocalServers:
    """The scripted upstream in place of Ollama, with a timeout that suits a busy machine."""
    first = LocalServers(PROVIDERS.of(app).upstream, {}, {fake.base_url.replace("/api", "/its/api"): "Ollama"}, clock, 30)
    LOCAL_SERVERS.set(first, app)
    return first


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("path", ["/", "/admin/connections"])
def test_it_is_offered_and_connected_with_one_button(owner: Browser, app: Flask, fake: Fake, path: str) -> None:
    page = owner.page(path)
    assert page.says("Ollama runs on this computer: 2 models")

    page = page.press("Use it : Ollama")

    assert page.heading == "Ollama"
    assert page.says("works")
    with app.app_context():
        assert [model.id for model in the_models().offered()] == ["ollama:fake/plain", "ollama:fake/large"]
        assert the_models().default() == "ollama:fake/plain"
    asked = len(fake.log())
    for again in ("/", "/admin/connections"):
        assert not owner.page(again).says("runs on this computer")
    assert len(fake.log()) == asked


@pytest.mark.usefixtures("first")
def test_it_is_looked_for_once_a_minute(owner: Browser, fake: Fake, clock: Clock) -> None:
    for path in ("/", "/admin/connections", "/"):
        assert owner.page(path).says("Ollama runs on this computer")
    assert len(fake.log()) == 1

    clock.seconds = 61
    owner.page("/admin/connections")
    assert len(fake.log()) == 2


@pytest.mark.usefixtures("first")
def test_a_key_ends_the_look(owner: Browser, fake: Fake, clock: Clock) -> None:
    assert owner.page("/").says("Ollama runs on this computer")
    owner.submit("/admin/connections/openrouter", key="sk-or-v1-0123456789")
    clock.seconds, asked = 61, len(fake.log())
    assert not owner.page("/admin/connections").says("runs on this computer")
    assert len(fake.log()) == asked


@pytest.mark.usefixtures("first")
def test_members_neither_look_nor_see_it(member: Browser, fake: Fake) -> None:
    assert not member.page("/").says("runs on this computer")
    assert fake.log() == []


@pytest.mark.mostly_slow
@pytest.mark.parametrize("behaviour", OTHERS)
def test_what_is_no_model_server_is_not_offered_and_holds_nobody_up(
    owner: Browser, fake: Fake, first: LocalServers, behaviour: dict[str, object]
) -> None:
    owner.page("/settings")
    first.patience_seconds = SEARCH_SECONDS
    fake.always(behaviour, at="/models")
    began_at = time.monotonic()

    page = owner.page("/")

    assert time.monotonic() - began_at < 10
    assert not page.says("runs on this computer")


def test_all_are_asked_side_by_side(owner: Browser, fake: Fake, first: LocalServers) -> None:
    owner.page("/settings")
    first.patience_seconds = SEARCH_SECONDS
    first.first = {f"{fake.base_url}/{number}": f"Silent {number}" for number in range(20)}
    fake.always({"raw": [{"hang": True}]}, at="/models")
    began_at = time.monotonic()
    owner.page("/")
    assert time.monotonic() - began_at < 10


def test_when_it_has_gone_meanwhile_its_form_says_so(owner: Browser, fake: Fake, first: LocalServers) -> None:
    page = owner.page("/admin/connections")
    fake.always({"status": 503, "json": {}}, at="/models")

    assert page.press("Use it : Ollama").status_code == 422


def test_where_to_look_is_a_variable(make_app: MakeApp, fake: Fake) -> None:
    app = make_app(LOCAL_ENGINES=f"{fake.base_url}, http://127.0.0.1:9/v1")
    with app.app_context():
        assert list(LOCAL_SERVERS.get().first) == [fake.base_url, "http://127.0.0.1:9/v1"]
        LOCAL_SERVERS.get().patience_seconds = 30
    assert signed_in(app, "first@example.org", "owner").page("/").says("runs on this computer: 2 models")


def test_usually_it_is_where_those_servers_listen(make_app: MakeApp) -> None:
    with make_app(LOCAL_ENGINES="auto").app_context():
        usual = LOCAL_SERVERS.get().first
    ports = {11434: "Ollama", 1234: "LM Studio", 8080: "llama.cpp or LocalAI"}
    assert {f"http://127.0.0.1:{port}/v1": name for port, name in ports.items()}.items() <= usual.items()
    with make_app(LOCAL_ENGINES="off").app_context():
        assert LOCAL_SERVERS.get().first == {}


def test_in_a_container_the_machine_around_it_is_one_more_place() -> None:
    names = names_by_address((THIS_HOST, MACHINE))
    assert names["http://host.docker.internal:11434/v1"] == names["http://127.0.0.1:11434/v1"] == "Ollama"


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

    page = page.press("Scan this machine")
    assert page.says("LM Studio runs on this computer: 2 models")
    assert not page.has("button", "Use it : vLLM")

    page = page.press("Use it : LM Studio")
    assert page.heading == "LM Studio"
    assert page.says("works")
    assert owner.page("/admin/connections/new").press("Scan this machine").says("No other model servers found")


def test_no_member_looks(member: Browser, fake: Fake, around: LocalServers) -> None:
    assert member.post("/admin/connections/search").status_code == 403
    assert fake.log() == []


def test_servers_with_the_same_usual_port_are_asked_once() -> None:
    names = names_by_address()
    assert names["http://127.0.0.1:8080/v1"] == "llama.cpp or LocalAI"
    assert set(names) == {server.base_url for server in LOCAL}
