"""A chat's settings are saved one field at a time by an open panel, and no other field is touched."""

import pytest

from tests.chat.conftest import id_of
from webapp.base.db import db
from webapp.base.topic_names import of_chat
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine


@pytest.fixture
def save(member):
    """Saves one field of a chat's settings, as the open panel does."""
    return lambda chat, name, **values: member.post(f"{chat}/prompts", headers={"HX-Request": "true"}, changed=name, **values)


def value(member, chat, label):
    return member.page(f"{chat}/prompts").textbox(label).value


def test_one_field_is_saved_and_drawn_again_with_a_way_back(chat, member, save):
    answer = save(chat, "note", note="It rains.", temperature="2", mark="x")

    assert answer.status_code == 200
    assert 'hx-target="#prompts-note-box" hx-swap="outerMorph"' in answer.text
    assert "data-undo" in answer.text
    assert "Reset" in answer.text
    assert "Saved. Applies from the next reply." in answer.text
    assert "prompts-temperature" not in answer.text
    assert value(member, chat, "Author's note") == "It rains."
    # Only the named field counts, whatever else is sent.
    assert value(member, chat, "Creativity") == ""


@pytest.mark.parametrize(
    ("name", "typed"), [("temperature", "hot"), ("max_tokens", "0"), ("note_role", "king"), ("persona", "x")]
)
def test_what_is_refused_says_so_at_its_field_and_is_not_saved(chat, member, save, name, typed):
    answer = save(chat, name, **{name: typed})

    assert answer.status_code == 422
    assert f'hx-target="#prompts-{name.replace("max_", "").replace("_", "-")}-box"' in answer.text
    assert 'class="error"' in answer.text
    assert "data-undo>" not in answer.text.split("prompts-end")[0]
    assert "prompts-changed" not in answer.text


def test_collections_books_model_and_memory_are_fields_too(chat, member, save, app):
    book = id_of(member.submit("/lorebooks", name="The valley").path)
    collection = id_of(member.submit("/knowledge", name="Pumps", about="").path)
    member.submit("/settings/memory", remembers="y")
    assert save(chat, "lorebooks", lorebooks=book).status_code == 200
    assert save(chat, "collections", collections=collection).status_code == 200
    assert save(chat, "is_forgotten", is_forgotten="y").status_code == 200
    with app.app_context():
        row = db.session.get_one(Chat, id_of(chat))
        assert (row.lorebook_ids, row.collection_ids, row.is_forgotten) == ([book], [collection], True)

    # Unchecked, nothing is sent but the name.
    for name in ("lorebooks", "collections", "is_forgotten"):
        assert save(chat, name).status_code == 200
    with app.app_context():
        row = db.session.get_one(Chat, id_of(chat))
        assert (row.lorebook_ids, row.collection_ids, row.is_forgotten) == ([], [], False)


def test_the_model_is_chosen_there_and_only_one_that_is_offered(chat, member, save, app):
    assert save(chat, "model", model="fake/thinks").status_code == 200
    with app.app_context():
        assert db.session.get_one(Chat, id_of(chat)).model == "fake/thinks"
    assert save(chat, "model", model="demo/none").status_code == 422
    assert member.page(f"{chat}/prompts").one("#prompts-model option[selected]").attributes["value"] == "fake/thinks"


def test_variables_are_saved_as_a_group(chat, member, save):
    rows = {"variable-name-0": "mood", "variable-value-0": "calm", "variables-seen": "{}"}
    answer = save(chat, "variables", **rows)
    assert 'hx-target="#prompts-variables"' in answer.text
    assert member.page(f"{chat}/prompts").one("#variable-value-0").text().strip() == "calm"

    refused = save(chat, "variables", **rows | {"variable-value-0": "wild"})
    assert (refused.status_code, "calm" in refused.text or "wild" in refused.text) == (409, True)


def test_a_panel_that_was_out_of_date_keeps_its_mark(chat, member, save):
    def mark(text):
        return text.split('data-mark="')[1].split('"')[0]

    shown = mark(member.page(f"{chat}/prompts").text)
    first = mark(save(chat, "note", note="It rains.", mark=shown).text)
    assert first not in ("", shown)
    assert first == mark(member.page(f"{chat}/prompts").text)
    # This tab hasn't seen the note.
    assert mark(save(chat, "temperature", temperature="1", mark=shown).text) == shown


def test_open_pages_hear_of_a_change_once_and_of_none_if_nothing_changed(chat, member, save, app):
    def news():
        with app.app_context():
            return the_engine().logs.topics.last(of_chat(id_of(chat)))

    before = news()
    save(chat, "note", note="It rains.")
    assert news() == before + 1
    save(chat, "note", note="It rains.")
    save(chat, "temperature", temperature="hot")
    assert news() == before + 1


def test_nobody_else_saves(chat, stranger, visitor, member):
    for browser in (stranger, visitor):
        assert browser.post(f"{chat}/prompts", changed="note", note="Mine").status_code in (303, 404)
    assert value(member, chat, "Author's note") == ""
    assert member.post(f"{chat}/prompts", changed="nothing of ours", note="Mine").status_code == 200
    assert value(member, chat, "Author's note") == ""
