"""Messages that a person hides from models: they stay in the chat, and no request contains them."""

import json

import pytest

from tests.characters.card_samples import as_json, bring as bring_card
from tests.chat.conftest import address, asked, ended_with, has, id_of, texts
from tests.chat.files import bring, download
from tests.chat.test_roleplay_imports import GREETING, HEAD, HIDDEN, LAST, lines
from tests.chat.test_sent_request import parts, url_of
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from webapp.base.db import write
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.prompt.question import texts_of
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.queries import ComposerMessage
from webapp.chat.record.tables import Chat
from webapp.workspace.page.composer_shown import meter

MARK = "Excluded from context"


def heard(fake) -> list[str]:
    return [turn["content"] for turn in asked(fake)[-1]["body"]["messages"] if turn["role"] != "system"]


def hide(browser: Browser, path: str, place: int = 0, name: str = "Exclude from context"):
    browser.post(address(browser.page(path), name, place))
    return browser.page(path)


def marks(page) -> list[str]:
    return [mark.text().strip() for mark in page.all(".not-sent")]


def test_a_message_is_kept_in_full_by_its_buttons(owner, answered):
    path = answered(owner, "First")
    page = hide(owner, path, 0, "Keep in full")
    assert marks(page) == ["Kept in full"]
    assert not has(page, "Exclude from context", 0)
    assert "Kept in full" in owner.htmx_post(address(page, "Keep in full", 1)).text
    page = hide(owner, path, 0, "Don't keep in full")
    assert marks(page) == ["Kept in full"]
    assert has(page, "Exclude from context", 0)


@also_on_postgres
def test_a_hidden_message_is_shown_and_not_sent(owner, answered, fake):
    fake.says("One")
    path = answered(owner, "First")
    page = hide(owner, path)
    assert (texts(page), marks(page)) == (["First", "One"], [MARK])

    owner.post(f"{path}/messages", message="Second")
    page = owner.wait_for(path, ended_with(4))
    assert heard(fake) == ["One", "Second"]
    assert "First" not in [text for _, text in parts(owner.page(url_of(page)))]

    assert not marks(hide(owner, path, name="Include in context"))
    owner.post(f"{path}/messages", message="Third")
    owner.wait_for(path, ended_with(6))
    assert heard(fake)[:2] == ["First", "One"]


def test_what_was_sent_stays_when_a_message_is_hidden_later(owner, answered, fake):
    fake.says("One")
    path = answered(owner, "First")
    page = hide(owner, path)

    assert "First" in [text for _, text in parts(owner.page(url_of(page)))]


def test_the_button_has_its_words_in_both_menus_and_htmx_gets_the_message(owner, answered, fake):
    fake.says("One")
    page = owner.page(answered(owner, "First"))
    assert has(page, "Exclude from context", 0)
    assert has(page, "Exclude from context", 1)

    fragment = owner.htmx_post(address(page, "Exclude from context", 1))
    assert MARK in fragment.text
    assert marks(owner.page(page.path)) == [MARK]


def test_readers_cannot_hide(owner, member, answered, fake):
    fake.says("One")
    path = answered(owner, "First")
    url = address(owner.page(path), "Exclude from context", 0)

    assert member.post(url).status_code == 404
    assert not marks(owner.page(path))


@pytest.mark.slow
def test_a_copy_and_a_new_version_stay_hidden(owner, answered, fake):
    fake.says("One")
    path = answered(owner, "First")
    page = hide(owner, path)
    copy = str(owner.post(address(page, "Branch into new chat", 1)).location)
    assert marks(owner.page(copy)) == [MARK]

    owner.page(address(page, "Edit", 0)).press("Save without a new answer", message="First, corrected")
    page = owner.page(path)
    assert (texts(page), marks(page)) == (["First, corrected", "One"], [MARK])


@pytest.mark.slow
def test_hidden_messages_do_not_count_for_the_history_limit(owner, answered, fake, app):
    fake.says("One")
    path = answered(owner, "First")
    hide(owner, path, 1)
    with app.app_context(), write() as session:
        session.get_one(Chat, id_of(path)).history_limit = 1
    owner.post(f"{path}/messages", message="Second")
    owner.wait_for(path, ended_with(4))

    assert heard(fake) == ["First", "Second"]


@pytest.mark.slow
def test_they_trigger_no_lorebook_and_have_no_depth(owner, app, fake):
    entries = [
        {"keys": ["mill"], "content": "The mill burnt down.", "extensions": {}, "enabled": True, "insertion_order": 1},
        {
            "keys": ["rye"],
            "content": "Rye is dear.",
            "extensions": {"position": 4, "depth": 1},
            "enabled": True,
            "insertion_order": 1,
            "constant": True,
        },
    ]
    data = {"name": "Mara", "description": "Mara.", "first_mes": "The mill?", "character_book": {"entries": entries}}
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": data}
    page = bring_card(owner, ("mara.json", as_json(card)))
    path = str(owner.post(str(page.all("#result ~ ul a")[0].attributes["href"]) + "/chat").location).partition("#")[0]
    hide(owner, path)
    fake.says("Hm.")
    owner.post(f"{path}/messages", message="Hello")
    owner.wait_for(path, ended_with(3))

    sent = [turn["content"] for turn in asked(fake)[-1]["body"]["messages"]]
    assert sent == ["Mara.", "Rye is dear.", "Hello"]


def test_they_are_not_searched_for():
    path = [
        PathMessage("1", "user", "Seen"),
        PathMessage("2", "user", "Unseen", is_hidden=True),
        PathMessage("3", "assistant", "Said"),
    ]
    assert texts_of(path) == ["Seen"]


def test_the_meter_does_not_count_them():
    said = [ComposerMessage(str(n), None, "user", "word " * 5_000, n == 1) for n in range(2)]
    both, one = meter([message._replace(is_hidden=False) for message in said], 6_000), meter(said, 6_000)
    assert both
    assert one
    assert one.tokens < both.tokens * 0.6


def test_a_prompt_without_any_message_is_built():
    assert PromptBuilder().fit([]).start == 0


@pytest.mark.slow
@also_on_postgres
def test_they_come_from_sillytavern_and_go_back(member, app):
    page = bring(member, lines(HEAD, GREETING, HIDDEN, LAST), "Mara.jsonl")
    path = str(page.link("Open the chat").attributes["href"])
    shown = member.page(path)
    assert (texts(shown), marks(shown)) == (["Who is it?", "A note.", "Thanks."], [MARK])

    out = member.get(f"{path.partition('#')[0]}/export.jsonl").text.split("\n")[1:-1]
    assert [json.loads(line)["is_system"] for line in out] == [False, True, False]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("kind", ["md", "txt", "html"])
def test_files_for_people_mark_them(owner, answered, fake, kind):
    fake.says("One")
    path = answered(owner, "First")
    hide(owner, path, 1)

    assert "excluded from context" in download(owner, f"{path}/export.{kind}").decode().lower()


@pytest.mark.slow
def test_our_own_format_keeps_them(owner, member, answered, fake):
    fake.says("One")
    path = answered(owner, "First")
    hide(owner, path, 1)
    content = download(owner, f"{path}/export.json")
    assert [load["is_hidden"] for load in json.loads(content)["messages"]] == [False, True]

    page = bring(member, content)
    assert marks(member.page(str(page.link("Open the chat").attributes["href"]))) == [MARK]
