"""The models proposed on a new server with OpenRouter, and everything that overrides the proposal."""

from collections.abc import Iterable

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE, AuditEntry
from webapp.base.db import db
from webapp.models.connections import service as connections, suggested_models
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.service import ApplicationSettingsService, ConnectionInput
from webapp.models.connections.suggested_models import MODELS
from webapp.models.providers.base import Model
from webapp.settings.service import set_setting, setting, unset_setting

KEY = "sk-or-v1-0123456789"
MODELS_PAGE = "/admin/models"
OPENROUTER = "/admin/connections/openrouter"


class Listing:
    """A fake provider that lists these models and accepts any key."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._models = [Model(id, id) for id in ids]

    def check_key(self) -> str:
        return "Fine."

    def models(self) -> list[Model]:
        return self._models


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


def enter_key(app: Flask) -> None:
    with app.app_context():
        ApplicationSettingsService().set_openrouter_api_key(KEY)


def lists(app: Flask, *ids: str) -> None:
    """Stores these models as OpenRouter's list."""
    with app.app_context():
        connections.refresh("openrouter", lambda: Listing(ids), author=COMMAND_LINE)  # type: ignore[arg-type,return-value]
        the_connections().forget()


def settings(app: Flask) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with app.app_context():
        return setting("models.allowed"), setting("models.fallbacks")


def offered(app: Flask) -> list[str]:
    with app.app_context():
        the_connections().forget()
        return [model.id for model in the_models().offered()]


def actions(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).where(AuditEntry.object_kind == "setting")))


@also_on_postgres
def test_the_first_key_by_the_service_proposes_them(app: Flask) -> None:
    enter_key(app)

    assert settings(app) == (MODELS, MODELS)
    assert actions(app) == ["suggested models"]


def test_so_does_the_first_key_by_the_form_and_by_the_api(app: Flask, owner: Browser) -> None:
    owner.submit(OPENROUTER, key=KEY)

    assert settings(app) == (MODELS, MODELS)


def test_they_can_be_chosen_before_openrouter_has_listed_anything(app: Flask) -> None:
    enter_key(app)

    assert offered(app) == list(MODELS)
    with app.app_context():
        assert the_models().default() == MODELS[0]
        assert providers().chain(MODELS[1]) == [MODELS[1], MODELS[0], *MODELS[2:]]


def test_afterwards_only_what_is_listed_is_offered(app: Flask) -> None:
    enter_key(app)
    lists(app, "maker/great", MODELS[2], MODELS[0])

    assert offered(app) == [MODELS[2], MODELS[0]]
    assert settings(app) == (MODELS, MODELS)


def test_what_openrouter_does_not_list_is_flagged_and_can_be_unticked(app: Flask, owner: Browser) -> None:
    enter_key(app)
    assert not owner.page(MODELS_PAGE).says("Not listed by")
    lists(app, "maker/great", MODELS[0], MODELS[2])

    page = owner.page(MODELS_PAGE)
    assert page.says(f"Not listed by any connection: {MODELS[1]}, {MODELS[3]}.")
    flagged = [
        row.css_first("input[type=checkbox]").attributes["value"] for row in page.all("tbody tr") if "not listed" in row.text()
    ]
    assert flagged == [MODELS[1], MODELS[3]]
    owner.post(f"{MODELS_PAGE}/allowed", shown=MODELS[1])
    assert settings(app)[0] == (MODELS[0], *MODELS[2:])


def test_an_admin_offers_everything_with_one_button(app: Flask, owner: Browser) -> None:
    enter_key(app)
    lists(app, "maker/great", *MODELS)

    page = owner.page(MODELS_PAGE).press("Allow all models")
    assert page.says("All models are available")
    assert not page.has("button", "Allow all models")
    assert offered(app) == ["maker/great", *MODELS]


@pytest.mark.parametrize(
    "environ",
    [
        {"OPENROUTER_BASE_URL": "http://localhost:11434/v1"},
        {"OPENROUTER_MODEL": "maker/great"},
        {"OPENROUTER_API_KEY": "sk-or-v1-of-the-operator"},
    ],
)
def test_a_house_whose_operator_has_chosen_gets_none(make_app: MakeApp, environ: dict[str, str]) -> None:
    app = make_app(**environ)
    enter_key(app)

    assert settings(app) == ((), ())


@pytest.mark.parametrize("name", ["models.allowed", "models.fallbacks", "models.default"])
def test_a_house_that_has_chosen_itself_gets_none(app: Flask, name: str) -> None:
    with app.app_context():
        set_setting(name, "maker/great")
    enter_key(app)

    assert MODELS not in settings(app)


def test_a_house_with_another_server_gets_none(app: Flask) -> None:
    with app.app_context():
        connections.create(
            "openai",
            ConnectionInput(name="Ollama", base_url="http://127.0.0.1:11434/v1", default_model="llama"),
            author=COMMAND_LINE,
        )
    enter_key(app)

    assert settings(app) == ((), ())
    assert "ollama:llama" in offered(app)


def test_a_house_that_knows_openrouters_models_already_gets_none(app: Flask) -> None:
    enter_key(app)
    lists(app, *MODELS)
    with app.app_context():
        connections.forget_key("openrouter", author=COMMAND_LINE)
        for name in suggested_models.LISTS:
            unset_setting(name, author=COMMAND_LINE)
    enter_key(app)

    assert settings(app) == ((), ())


def test_another_server_makes_them_go(app: Flask, owner: Browser, fake: Upstream) -> None:
    enter_key(app)
    owner.submit("/admin/connections/new", name="Ollama", base_url=fake.base_url)

    assert settings(app) == ((), ())
    assert "removed the suggested models" in actions(app)


def test_what_an_admin_has_saved_stays_in_spite_of_it(app: Flask, owner: Browser, fake: Upstream) -> None:
    enter_key(app)
    owner.submit(MODELS_PAGE, **{"models.fallbacks": "\n".join(reversed(MODELS))})
    owner.post(f"{MODELS_PAGE}/allowed", shown=MODELS[0], allowed=MODELS[0])
    saved = settings(app)
    owner.submit("/admin/connections/new", name="Ollama", base_url=fake.base_url)

    assert settings(app) == saved
    assert sorted(saved[0]) == sorted(MODELS)


@pytest.mark.slow
def test_another_address_makes_them_go(app: Flask, owner: Browser, fake: Upstream) -> None:
    enter_key(app)
    owner.submit(OPENROUTER, base_url=fake.base_url, key=KEY)

    assert settings(app) == ((), ())


def test_they_go_when_openrouter_has_none_of_them(app: Flask) -> None:
    enter_key(app)
    lists(app, "maker/great", "maker/cheap")

    assert settings(app) == ((), ())
    assert offered(app) == ["maker/great", "maker/cheap"]


def test_every_model_is_asked_to_stream_and_the_page_says_so(app: Flask) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    enter_key(app)
    assert column(owner) == {"yes"}
    with app.app_context():
        set_setting("stream.enabled", "false")

    assert column(owner) == {"no"}
    assert owner.page(MODELS_PAGE).says("streaming is turned off under Settings")


def column(owner: Browser) -> set[str]:
    page = owner.page(MODELS_PAGE)
    assert [cell.text() for cell in page.all("thead th")][1] == "Streams"
    return {row.css("td")[0].text() for row in page.all("tbody tr")}


def test_the_connection_names_the_model_that_new_chats_start_with(app: Flask, owner: Browser) -> None:
    enter_key(app)
    lists(app, "openrouter/auto", *MODELS)

    assert owner.page(OPENROUTER).one("#default_model").attributes["placeholder"] == MODELS[0]
    with app.app_context():
        assert the_models().default() == MODELS[0]


def test_with_a_key_and_nothing_else_chats_start_with_the_usual_model_while_it_is_there(make_app: MakeApp) -> None:
    usual = "anthropic/claude-3.5-sonnet"
    app = make_app(OPENROUTER_API_KEY=KEY)
    with app.app_context():
        assert the_models().default() == usual
        # It was not chosen by a person: if OpenRouter no longer has it, OpenRouter chooses.
        assert providers().chain(usual) == [usual, "openrouter/auto"]
        assert providers().chain("maker/other") == ["maker/other"]

    lists(app, "maker/other", usual)
    with app.app_context():
        assert (the_models().default(), providers().chain(usual)) == (usual, [usual])

    lists(app, "maker/other", "maker/large")
    with app.app_context():
        assert the_models().default() == "maker/other"


def test_without_a_key_it_is_the_demo(app: Flask) -> None:
    with app.app_context():
        assert the_models().default().startswith("demo/")
