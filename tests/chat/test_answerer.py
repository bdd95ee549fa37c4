"""A chat whose model is no longer offered says so, and no other model answers unless the person chooses it."""

import pytest

from tests.chat.conftest import asked, ended, ended_with
from tests.support.browser import HTMX
from webapp.models.connections.cache import the_connections
from webapp.settings.service import set_setting

SENTENCE = "Model · Some is no longer available. Choose another model."


def offer(app, *models: str) -> None:
    with app.app_context():
        set_setting("models.allowed", "\n".join(models))
        the_connections().forget()


@pytest.fixture
def path(app, owner, answered, fake) -> str:
    """A chat that was answered by a model that is no longer offered."""
    fake.says("From before.")
    path = answered(owner, "First")
    offer(app, "other/model", "third/model")
    return path


def test_its_picker_stands_on_the_model_that_is_gone(owner, path):
    page = owner.page(path)

    chosen = page.one("#composer-model option[selected]")
    assert (chosen.text(), "disabled" in chosen.attributes) == ("Model · Some (no longer available)", True)
    assert page.says(SENTENCE)


@pytest.mark.slow
def test_sending_is_refused_and_keeps_the_text(owner, path, fake):
    page = owner.submit(path, message="Second")

    assert (page.status_code, page.textbox("Message").value) == (422, "Second")
    assert page.says(SENTENCE)
    assert page.one("#composer-model option[selected]").text().startswith("Model · Some")
    fragment = owner.htmx_post(f"{path}/messages", message="Second", model="some/model")
    assert fragment.status_code == 422
    assert SENTENCE in fragment.text
    assert len(asked(fake)) == 1


@pytest.mark.slow
def test_whoever_is_chosen_goes_on(owner, path, fake):
    fake.says("From now on.")
    assert not owner.page(path).all("[data-several]")
    owner.submit(path, message="Second", model="third/model")

    page = owner.wait_for(path, ended_with(4))
    assert [mark.attributes["data-model"] for mark in page.all("[data-several] .receipt [data-model]")] == [
        "Model · Some",
        "Model · Third",
    ]
    assert asked(fake)[-1]["body"]["model"] == "third/model"
    assert page.one("#composer-model option[selected]").text() == "Model · Third"
    assert not page.says("no longer available")


def test_with_one_model_left_there_is_something_to_choose(app, owner, path):
    offer(app, "other/model")

    options = [node.text() for node in owner.page(path).all("#composer-model option")]
    assert options == ["Model · Some (no longer available)", "Model · Other"]


@pytest.mark.slow
def test_nobody_steps_in_by_another_way(owner, path, fake):
    question, last = owner.page(path).message_ids
    for address in (f"/messages/{last}/again", f"/messages/{question}/edit"):
        answer = owner.post(address, headers=HTMX, message="In other words")
        assert answer.status_code == 422
        assert SENTENCE in answer.text
    assert owner.post(f"{path}/follow-up", message="Later").status_code == 422
    assert len(asked(fake)) == 1


@pytest.mark.slow
def test_a_model_that_no_list_names_stays_chosen(app, owner, answered, fake):
    with app.app_context():
        set_setting("demo.fallback", "always")
    fake.says("From a variant.")
    path = answered(owner, "First")
    owner.post(f"{path}/messages", message="Second", model="some/model:online")
    page = owner.wait_for(path, ended_with(4))

    assert page.one("#composer-model option[selected]").attributes["value"] == "some/model:online"


@pytest.mark.slow
def test_the_demo_makes_way_for_the_default_once_there_is_a_real_model(app, owner, answered, fake):
    with app.app_context():
        set_setting("demo.fallback", "always")
    path = answered(owner, "First")
    owner.submit(path, message="To the demo", model="demo/quick")
    page = owner.wait_for(path, ended_with(4))
    with app.app_context():
        set_setting("demo.fallback", "when_no_key")
    offer(app, "some/model", "other/model")
    asked_before = len(asked(fake))
    page = owner.page(path)
    assert page.one("#composer-model option[selected]").attributes["value"] == "some/model"
    assert not page.says("no longer available")
    question, last = page.message_ids[-2:]

    for address, fields in (
        (f"/messages/{last}/again", {}),
        (f"/messages/{question}/edit", {"message": "In other words"}),
        (f"{path}/messages", {"message": "From a page of before", "model": "demo/quick"}),
    ):
        fake.says("A real answer.")
        assert owner.post(address, headers=HTMX, **fields).status_code in {200, 204}
        owner.wait_for(path, ended)
    assert [request["body"]["model"] for request in asked(fake)[asked_before:]] == ["some/model"] * 3
