"""The Models page: the models, their prices, and which of them people can choose."""

import time

import pytest
from flask import Flask

from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.markup import words as in_words
from tests.support.page import Page
from tests.upstream.handle import Upstream as Fake
from webapp.base.errors import Invalid
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.service import ApplicationSettingsService
from webapp.settings.service import set_setting, setting


def priced(prompt: str, completion: str) -> dict[str, str]:
    return {"prompt": prompt, "completion": completion}


LISTED = [
    {"id": "maker/great", "name": "Great", "context_length": 200_000, "pricing": priced("0.000003", "0.000015")},
    {"id": "maker/cheap", "name": "Cheap", "context_length": 8192, "pricing": priced("0.00000015", "0.0000006")},
    {"id": "other/free:free", "name": "Free", "context_length": 8192, "pricing": priced("0", "0")},
    {"id": "other/<b>", "name": "<script>alert(1)</script>"},
]


@pytest.fixture
def listed(app: Flask, owner: Browser, fake: Fake) -> Browser:
    """The owner, with a list of models."""
    fake.always({"json": {"data": LISTED}}, at="/models")
    with app.app_context():
        ApplicationSettingsService().set_openrouter_api_key("sk-or-v1-0123456789")
    owner.page("/admin/connections")
    owner.page("/admin/models").press("Refresh")
    return owner


def offered(app: Flask) -> list[str]:
    with app.app_context():
        the_connections().forget()
        return [model.id for model in the_models().offered()]


def rows(page: Page) -> list[str]:
    return [" ".join(row.text(separator=" ").split()) for row in page.all("tbody tr")]


def test_it_lists_prices_and_context(listed: Browser) -> None:
    assert rows(listed.page("/admin/models")) == [
        "Great maker/great Name and details of Great yes $3 $15 200,000",
        "Cheap maker/cheap Name and details of Cheap yes $0.15 $0.60 8,192",
        "Free other/free:free Name and details of Free yes free free 8,192",
        "<script>alert(1)</script> other/<b> Name and details of <script>alert(1)</script> yes",
    ]


def test_it_finds_by_name_and_by_maker(listed: Browser) -> None:
    assert len(rows(listed.page("/admin/models?q=maker"))) == 2
    assert rows(listed.page("/admin/models?q=MAKER+cheap")) == [
        "Cheap maker/cheap Name and details of Cheap yes $0.15 $0.60 8,192"
    ]
    assert listed.page("/admin/models?q=%3Cb%3E+nothing").says("No matching models.")


@pytest.mark.slow
def test_a_list_is_kept_for_when_the_server_is_away(listed: Browser, fake: Fake) -> None:
    fake.always({"status": 503, "json": {"error": {"message": "down"}}}, at="/models")

    assert listed.page("/admin/models").press("Refresh").status_code == 409
    assert len(rows(listed.page("/admin/models"))) == 4


def test_without_a_connection_it_says_what_to_do(owner: Browser) -> None:
    page = owner.page("/admin/models")

    assert page.says("Add a key under Connections and test it.")
    assert page.press("Refresh").status_code == 409


def test_only_what_is_ticked_is_offered(listed: Browser, app: Flask) -> None:
    page = listed.post("/admin/models/allowed", shown="maker/cheap", allowed="maker/cheap")
    assert page.status_code == 303
    listed.post("/admin/models/allowed", shown="other/free:free", allowed="other/free:free")

    assert offered(app) == ["maker/cheap", "other/free:free"]
    with app.app_context():
        assert the_models().default() == "maker/cheap"
        assert providers().for_model("maker/cheap").name == "openrouter"
        with pytest.raises(Invalid, match="no model named maker/great"):
            providers().for_model("maker/great")
    assert listed.page("/admin/models").says("2 of 4 models available")
    listed.post("/admin/models/allowed", shown="maker/cheap")
    listed.post("/admin/models/allowed", shown="other/free:free")
    assert len(offered(app)) == 4


@pytest.mark.parametrize("value", ["maker/cheaper", "maker/cheap, demo/never"])
def test_only_models_that_exist_can_be_allowed(listed: Browser, app: Flask, value: str) -> None:
    with app.app_context(), pytest.raises(Invalid, match="No connection lists"):
        set_setting("models.allowed", value)
    assert listed.post("/admin/models/allowed", added=value).status_code == 422
    assert len(offered(app)) == 4


def test_the_default_and_the_chain_are_set_by_form(listed: Browser, app: Flask) -> None:
    page = listed.submit(
        "/admin/models", **{"models.default": "maker/great", "models.fallbacks": "maker/cheap\r\nother/free:free\r\nmaker/cheap"}
    )

    assert page.says("Saved.")
    with app.app_context():
        assert the_models().default() == "maker/great"
        assert providers().chain("maker/great") == ["maker/great", "maker/cheap", "other/free:free"]
        assert providers().chain("maker/cheap") == ["maker/cheap", "other/free:free"]
    listed.post("/admin/models/allowed", shown="maker/cheap", allowed="maker/cheap")
    with app.app_context():
        the_connections().forget()
        assert providers().chain("maker/cheap") == ["maker/cheap"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("field", "label"), [("models.default", "Default model"), ("models.fallbacks", "Fallbacks")])
def test_a_name_that_nobody_lists_is_refused_in_place(listed: Browser, app: Flask, field: str, label: str) -> None:
    page = listed.submit("/admin/models", **{field: "maker/graet"})

    words = page.one("main").text()
    assert "No connection lists “maker/graet”" in words
    assert page.all(f"[name='{field}'][value='maker/graet']")
    assert page.one(f"#setting-{field.replace('.', chr(92) + '.')} .error").attributes["id"] == f"{field}-error"
    assert page.one("[role=alert] a").text() == label
    with app.app_context():
        assert (setting("models.default"), setting("models.fallbacks")) == ("", ())


def test_a_model_that_is_not_listed_is_unknown_but_its_variants_are_not(listed: Browser, app: Flask) -> None:
    with app.app_context():
        for known in ("maker/great", "maker/great:online"):
            assert providers().for_model(known).name == "openrouter"
        for unknown in ("maker/graet", "", "nowhere:maker/great", "demo/nothing"):
            with pytest.raises(Invalid):
                providers().for_model(unknown)


def test_the_settings_for_every_request_are_sent_along(listed: Browser, app: Flask) -> None:
    with app.app_context():
        assert providers().parameters("maker/great") == {"temperature": None, "max_tokens": None}
    listed.submit("/admin/models", **{"models.temperature": "0", "models.max_tokens": "100"})
    with app.app_context():
        assert providers().parameters("maker/great") == {"temperature": 0, "max_tokens": 100}
        assert providers().parameters("demo/quick") == {}


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("wish", "is_there"), [("off", False), ("when_no_key", False), ("always", True)])
def test_the_demo_is_offered_beside_real_models_only_when_an_admin_wants_it(
    listed: Browser, app: Flask, wish: str, is_there: bool
) -> None:
    listed.submit("/admin/settings/demo", **{"demo.fallback": wish})

    assert any(id.startswith("demo/") for id in offered(app)) is is_there
    with app.app_context():
        assert the_models().is_demo_allowed() is is_there


def test_without_key_and_demo_there_is_no_model_and_a_sentence(owner: Browser, app: Flask) -> None:
    assert offered(app)[0].startswith("demo/")
    owner.submit("/admin/settings/demo", **{"demo.fallback": "off"})

    assert offered(app) == []
    with app.app_context():
        assert the_models().default() == ""
        with pytest.raises(Invalid, match="An admin can add a key"):
            providers().for_model("")


def test_a_person_has_a_default_of_their_own(listed: Browser, app: Flask) -> None:
    signed_in(app, "ada@example.org", "admin")
    with app.app_context():
        assert the_models().default("maker/cheap") == "maker/cheap"
        assert the_models().default("maker/gone") == "maker/great"


@pytest.mark.slow
def test_a_long_list_is_cut_and_found_by_searching(listed: Browser, fake: Fake) -> None:
    fake.always({"json": {"data": [{"id": f"m/{number}", "name": f"Model {number}"} for number in range(300)]}}, at="/models")
    page = listed.page("/admin/models").press("Refresh")

    assert page.says("250 more models: search for them.")
    assert rows(listed.page("/admin/models?q=m/299")) == ["Model 299 m/299 Name and details of Model 299 yes"]


def test_reading_the_connections_costs_a_query_or_two_a_second(listed: Browser, app: Flask) -> None:
    began = time.monotonic()
    with app.app_context(), listed.counting_statements() as statements:
        the_connections().forget()
        for _ in range(20):
            the_models().offered()
            the_models().default()
    assert len([statement for statement in statements if "connections" in statement]) <= 2 + 2 * (time.monotonic() - began)
    assert not [statement for statement in statements if "connections.models FROM" in statement]


def test_fallbacks_are_put_in_order_before_anything_is_stored(listed: Browser, app: Flask) -> None:
    def pressed(order: list[str], move: str) -> list[str | None]:
        page = listed.post("/admin/models", **{"models.fallbacks": order, "models.fallbacks-move": move})
        assert page.status_code == 200
        return [node.attributes["value"] for node in page.all("[data-sortable] [name='models.fallbacks']")]

    both = ["maker/great", "maker/cheap"]
    assert pressed(both, "up maker/cheap") == both[::-1]
    assert pressed([*both, "other/free:free", " "], "add") == [*both, "other/free:free"]
    assert pressed(both, "remove maker/great") == ["maker/cheap"]
    with app.app_context():
        assert setting("models.fallbacks") == ()
    listed.submit("/admin/models", **{"models.fallbacks": ["", *both[::-1], "other/free:free"]})
    with app.app_context():
        assert setting("models.fallbacks") == ("maker/cheap", "maker/great", "other/free:free")
    page = listed.page("/admin/models")
    assert [node.text() for node in page.all("[data-sortable] [data-name]")] == ["Cheap", "Great", "Free"]
    assert listed.submit("/admin/models", **{"models.fallbacks": ""}).says("Saved.")
    with app.app_context():
        assert setting("models.fallbacks") == ()


def test_a_model_is_named_by_an_admin_everywhere(listed: Browser, app: Flask) -> None:
    page = listed.page("/admin/models/model?id=maker/great")
    assert page.says("$3 in, $15 out per million tokens")
    assert not page.textbox("Name").value
    listed.submit("/admin/models/model?id=maker/great", name="  The  good one ")

    assert rows(listed.page("/admin/models"))[0].startswith("The good one maker/great ")
    assert listed.page("/models?q=good+one").one(".models__name").text() == "The good one"
    assert listed.page("/admin/models/model?id=maker/great").textbox("Name").value == "The good one"
    with app.app_context():
        assert the_models().display_name("maker/great") == "The good one"
        assert the_models().usual_name("maker/great") == "Great"
    refused = listed.submit("/admin/models/model?id=maker/cheap", name="the GOOD one")
    assert (refused.status_code, refused.says("Another model already has that name.")) == (422, True)
    assert listed.submit("/admin/models/model?id=maker/cheap", name="x" * 81).status_code == 422
    listed.submit("/admin/models/model?id=maker/great", name="")
    assert listed.page("/models?q=maker/great").one(".models__name").text() == "Great"
    assert listed.get("/admin/models/model?id=not/there").status_code == 404
    assert listed.post("/admin/models/model?id=not/there", name="X").status_code == 404


def test_only_admins_name_models(listed: Browser, member: Browser) -> None:
    assert member.get("/admin/models/model?id=maker/great").status_code == 403
    assert member.post("/admin/models/model?id=maker/great", name="Mine").status_code == 403
    assert rows(listed.page("/admin/models"))[0].startswith("Great ")


def test_the_models_of_titles_are_chosen_with_the_picker_or_none(listed: Browser, app: Flask) -> None:
    def button() -> str:
        return in_words(listed.page("/admin/models").one("#setting-models\\.titles button.picker").text())

    assert button() == "Chat titles: The chat's own model"
    rows = listed.get("/models", query={"field": "models.titles"}, headers={"HX-Request": "true"}).all("[data-model]")
    assert [row.attributes["data-model"] or "" for row in rows[:2]] == ["", "off"]
    searched = listed.get("/models", query={"field": "models.titles", "q": "great"}, headers={"HX-Request": "true"})
    assert not searched.all("[data-model=off]")

    listed.submit("/admin/models", **{"models.titles": "off"})
    assert button() == "Chat titles: No model: the first words"
    listed.submit("/admin/models", **{"models.titles": "maker/great"})
    with app.app_context():
        assert button() == f"Chat titles: {the_models().display_name('maker/great')}"
