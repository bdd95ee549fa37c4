"""What is chosen for a new chat stays chosen while another page is open: the list of models, a prompt's form, or a card's."""

import pytest
from flask import Flask

from tests.api.client import client_of
from tests.chat.conftest import id_of
from tests.chat.presets.test_pages import made as made_preset
from tests.chat.projects.test_pages import made as made_project
from tests.chat.starters.test_starters import WORDS, cards
from tests.support.browser import Browser
from tests.support.form import value_of
from tests.support.page import Page
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.settings.service import set_setting

MODELS = ["other/m0", "other/m1"]


@pytest.fixture(autouse=True)
def listed(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.always(
        {"json": {"data": [{"id": model, "name": model[-2:].upper()} for model in ("some/model", *MODELS)]}}, at="/models"
    )
    owner.page("/admin/models").press("Refresh")
    with app.app_context():
        set_setting("models.titles", "off")


@pytest.fixture
def project(owner: Browser) -> str:
    return id_of(made_project(owner))


def values(page: Page, name: str) -> list[str]:
    """Returns what the form of a new chat sends as this field."""
    fields = page.all(f'#composer [name="{name}"]:not([type=checkbox]), #composer [name="{name}"][checked]')
    return [value_of(field) for field in fields]


def chosen_in(choice: Page, models: list[str]) -> Page:
    """Chooses models on the page of them, and returns the new chat's page."""
    fields = choice.form("Answer side by side").fields | {"models": models}
    return choice.browser.page(choice.browser.post("/models/side-by-side", **fields).location)


def stored(app: Flask, path: str) -> Chat:
    with app.app_context():
        return db.session.get_one(Chat, id_of(path))


def test_a_project_and_the_text_stay_while_models_are_chosen(app, owner, project):
    choice = owner.page(f"/?project={project}").press("Side by side", message="What grows here?")
    assert choice.one("a.back").attributes["href"] == f"/?project={project}&model=some/model&tools="
    home = chosen_in(choice, MODELS)
    assert (values(home, "project"), values(home, "models"), values(home, "model")) == ([project], MODELS, MODELS[:1])
    assert home.textbox("Message").value == "What grows here?"

    # Others are chosen, then none.
    again = home.press("Choose models")
    assert [box.attributes["value"] for box in again.all("input[name=models][checked]")] == MODELS[-1:]
    off = again.press("Turn off")
    assert (values(off, "project"), values(off, "models")) == ([project], [])
    path = owner.post("/chats", message="What grows here?", project=project, models=MODELS, model=MODELS[0]).location
    assert (stored(app, path).project_id, stored(app, path).models) == (project, MODELS)


def test_a_preset_tools_and_that_it_is_temporary_stay_while_models_are_chosen(app, owner):
    preset = f"preset:{id_of(made_preset(owner))}"
    sent = {"message": "", "model": preset, "temporary": "y", "knowledge": ["a", "b"]}
    home = chosen_in(owner.page(owner.post("/models/side-by-side/new", **sent).location), MODELS)

    assert (values(home, "model"), values(home, "temporary"), values(home, "tools")) == ([preset], ["y"], [])
    assert [option.text() for option in home.all("#composer-alone option")] == ["2 models side by side", "Only Editor"]
    path = owner.post("/chats", message="Hello", temporary="y", models=MODELS, model=preset).location
    chat = stored(app, path)
    assert (preset, chat.model, chat.models) == (f"preset:{chat.preset_id}", MODELS[0], MODELS)


def test_what_one_model_or_a_character_answers_first_leaves_the_others_for_the_next(app, owner, fake):
    fake.says("One", cost=0.0001)
    path = owner.post("/chats", message="Hello", models=MODELS, model=MODELS[1], alone="y").location
    assert (stored(app, path).models, stored(app, path).model) == (MODELS, MODELS[1])
    assert fake.posts()[-1]["body"]["model"] == MODELS[1]
    assert not owner.page(path).all(".columns")

    program = client_of(app, owner.email)
    mara, jory = (program.post("/characters", {"name": name, "greeting": "Aye?"}, status=201)["id"] for name in ("Mara", "Jory"))
    sent = {"message": "Hello", "models": MODELS, "model": MODELS[0], "spoken_by": mara}
    path = owner.post("/chats", **sent).location
    assert stored(app, path).models == MODELS
    owner.wait_for(path, lambda page: [node.text() for node in page.all(".column .message-text p")] == ["One"] * 2)
    # In a group they take turns.
    assert program.said("PATCH", f"/chats/{id_of(path)}", 200, {"character_ids": [mara, jory]})["models"] == []


def test_a_project_stays_while_a_prompt_is_filled_in(owner, project):
    owner.submit("/prompts/new", key="hello", text="Say hello.")
    owner.submit("/prompts/new", key="greet", text="Say hello to {{name}}.")
    for typed in ("/hello", "/greet"):
        page = owner.get(owner.post("/chats", message=typed, project=project, model=MODELS[1], models=MODELS).location)
        home = page.press("Insert", **{"field-name": "Ada"}) if page.has("button", "Insert") else page
        assert home.textbox("Message").value.startswith("Say hello")
        assert (values(home, "project"), values(home, "model"), values(home, "models")) == ([project], MODELS[1:], MODELS)


def test_a_project_stays_while_a_card_is_filled_in(app, owner, project):
    page = owner.page(cards(owner.page(f"/?project={project}"))["Plan my week"])
    assert page.one("a.back").attributes["href"] == f"/?project={project}"
    assert values(page.press("Edit the message first", **WORDS), "project") == [project]
    assert stored(app, page.press("Start chat", **WORDS).path).project_id == project


def test_a_project_stays_while_a_model_is_looked_for_without_scripts(owner, project):
    page = owner.page(f"/?project={project}&knowledge=a").click("Presets and all models")
    page = page.press("Search", q="m1").press("Favorite: M1")
    [row] = page.all(".models__row > a")
    home = owner.page(row.attributes["href"])
    assert (values(home, "project"), values(home, "model")) == ([project], MODELS[1:])
    assert "knowledge=a" in row.attributes["href"]
