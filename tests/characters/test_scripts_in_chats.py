"""Text scripts in chats: on pages, at the end of a stream, and in prompts; nothing that is stored changes."""

import json

import pytest

from tests.characters.card_samples import as_json, bring
from tests.chat.conftest import ended
from tests.chat.listener import listen
from tests.chat.test_statements import counted
from tests.support.marks import also_on_postgres
from tests.support.turns import nobody_waits
from webapp.base.db import db, utc_now, write
from webapp.characters.tables import Character
from webapp.characters.text_scripts import script_of
from webapp.chat.record.tables import Message


def script(find: str, new: str = "", **more):
    return {"scriptName": find, "findRegex": find, "replaceString": new, "placement": [1, 2], **more}


def card(*scripts, **more):
    data = {"name": "Mara", "description": "Mara mills rye.", "first_mes": "Hello, [mood: calm] {{user}}."}
    return {
        "spec": "chara_card_v2",
        "spec_version": "2.0",
        "data": data | {"extensions": {"regex_scripts": list(scripts)}, **more},
    }


__all__ = ["listen"]


@pytest.fixture
def begin(member, app):
    """Imports a character with these scripts and returns the path of a chat with it."""

    def begin(*scripts, **more):
        page = bring(member, ("mara.json", as_json(card(*scripts, **more))))
        path = str(page.all("#result ~ ul a")[0].attributes["href"])
        return str(member.post(f"{path}/chat").location).partition("#")[0]

    return begin


def rewrite(app, *scripts):
    """Changes the scripts of the character as another process would."""
    with app.app_context(), write() as session:
        row = session.query(Character).filter_by(name="Mara").one()
        row.card, row.changed_at = card(*scripts), utc_now()


def shown(member, chat: str) -> list[str]:
    return [element.text().strip() for element in member.page(chat).all(".message-text")]


SHOWN = script(r"/\[mood: (.*?)\]/g", "*$1*", markdownOnly=True)
SENT = script(r"/\[mood: .*?\]/g", "", promptOnly=True)


@also_on_postgres
def test_it_changes_what_is_shown_and_nothing_else(begin, member, app):
    chat = begin(SHOWN)

    page = member.page(chat)
    assert page.one(".message-text em").text() == "calm"
    with app.app_context():
        message = db.session.query(Message).filter_by(role="assistant").one()
        message_id = message.id
        assert "[mood: calm]" in message.content
        assert "[mood: calm]" in message.html
    # What its buttons copy, which are drawn in the browser.
    copied = [f"/messages/{message_id}{ending}" for ending in (".md", ".txt")]
    for path in (*copied, f"{chat}/export.html", f"{chat}/export.md"):
        response = member.client.get(path, base_url=member.origin)
        assert "[mood: calm]" in response.get_data(as_text=True), path


@pytest.mark.slow
def test_a_changed_script_shows_at_once(begin, member, app):
    chat = begin(SHOWN)
    assert member.page(chat).one(".message-text em").text() == "calm"

    rewrite(app, script("/calm/", "cross"))
    assert "[mood: cross]" in member.page(chat).one(".message-text").text()
    rewrite(app, {**SHOWN, "disabled": True})
    assert "[mood: calm]" in member.page(chat).one(".message-text").text()


@pytest.mark.slow
def test_messages_of_the_person_and_later_pages_are_changed_too(begin, member, fake, say):
    chat = begin(script("/rye/g", "**wheat**", placement=[1]), SENT)
    fake.says("Aye, [mood: glad] rye.")

    sent = say(chat, "Is there rye?")

    assert [text for _, text in sent[1:]] == ["Hello,  member.", "Is there **wheat**?"]
    texts = shown(member, chat)
    assert texts[1:] == ["Is there wheat?", "Aye, [mood: glad] rye."]


@pytest.mark.slow
def test_the_end_of_a_stream_shows_it(begin, member, fake, listen):
    chat = begin(SHOWN)
    fake.says("Aye. [mood: glad] Rye.")
    listener = listen(member, member.page(chat).events_url)
    member.submit(chat, message="Hello")

    listener.until(lambda feed: "<em>glad</em>" in feed.html)
    member.wait_for(chat, ended)
    assert member.page(chat).all(".message-text em")[-1].text() == "glad"


@pytest.mark.slow
def test_what_was_sent_is_kept_when_the_scripts_change(begin, member, fake, say, app):
    chat = begin(script("/{{char}}/", "M$0", substituteRegex=1, promptOnly=True), SENT)
    fake.says("Mara says [mood: glad] aye.")
    say(chat, "Hello")
    fake.says("Yes.")
    sent = say(chat, "And Mara?")
    assert [text for _, text in sent[-3:]] == ["Hello", "MMara says  aye.", "And MMara?"]

    rewrite(app)
    page = member.page(chat).all('a[href*="sent"]')
    shown = member.get(str(page[-1].attributes["href"]))
    assert "MMara says  aye." in shown.text


@pytest.mark.slow
def test_depth_limits_what_is_changed(begin, member, fake, say):
    chat = begin(script("/Hello/", "Bye", minDepth=1), script("/Aye/", "No", maxDepth=1))
    fake.says("Aye.")
    say(chat, "Hello")

    assert [text[:4] for text in shown(member, chat)] == ["Bye,", "Bye", "No."]
    sent = say(chat, "Hello")
    assert [text[:4] for _, text in sent[1:]] == ["Bye,", "Bye", "No.", "Hell"]


@pytest.mark.slow
def test_what_cannot_be_used_breaks_no_chat(begin, member, fake, say):
    chat = begin(script("/(?<=a)b/", "x"), script("/[/", "y"), {"findRegex": 4}, "x", script("/calm/", "cross"))
    fake.says("Aye.")

    assert say(chat, "Hello")[-1] == ("user", "Hello")
    assert "[mood: cross]" in member.page(chat).all(".message-text")[0].text()


def test_hostile_html_stays_inert(begin, member):
    chat = begin(script("/calm/", "<img src=x onerror=alert(1)><script>alert(2)</script>[x](javascript:alert(3))"))

    text = member.page(chat).one(".message-text").html
    assert "<img" not in text
    assert "<script" not in text
    assert 'href="javascript' not in text


@pytest.mark.slow
def test_hostile_expressions_hold_nobody_up(begin, member, fake, say):
    slow = [script(f"/(?:a?){{200}}a{{{200 + number}}}x/g", "x") for number in range(10)]
    chat = begin(*slow, first_mes="a" * 15_000)
    fake.says("a" * 15_000)

    with nobody_waits():
        member.page(chat)
        assert len(say(chat, "Hello")[1][1]) == 15_000
        assert len(shown(member, chat)) == 3


@pytest.mark.slow
def test_in_a_group_they_change_their_characters_messages_only(begin, make, member, fake, say):
    mara = str(member.page(begin(script("/Aye/", "No"), script("/Hello/", "Bye"))).all(".played a")[0].attributes["href"])
    ids = [mara.rpartition("/")[2], make(name="Bo", description="Bo sails.", greeting="Hello, Aye.").rpartition("/")[2]]
    group = member.submit("/characters/group", character_ids=ids, turn_order="rotation").path
    fake.says("Aye.")

    sent = say(group, "Hello Aye")

    assert [text.partition(": ")[2][:5] for _, text in sent[1:4]] == ["Bye, ", "Hello", "Hello"]
    assert [text[:5] for text in shown(member, group)] == ["Bye, ", "Hello", "Hello", "No."]


@pytest.mark.slow
def test_a_chat_without_scripts_takes_no_more_statements(begin, member):
    with_scripts, without = begin(SHOWN), begin()
    taken = []
    for path in (with_scripts, without):
        member.page(path)
        with counted(member) as statements:
            member.page(path)
        # What is read again from time to time, whatever the page.
        taken.append([statement for statement in map(str, statements) if "deleted_connections" not in statement])

    assert len(taken[0]) == len(taken[1]), taken


def test_the_card_is_exported_with_its_scripts(begin, member):
    chat = begin(SHOWN, SENT)
    path = str(member.page(chat).all(".played a")[0].attributes["href"])

    assert json.loads(member.get(f"{path}/export?format=json").text) == card(SHOWN, SENT)


@pytest.mark.slow
def test_entries_of_lorebooks_are_changed_when_they_are_sent(begin, member, fake, say):
    entries = [
        {"keys": [], "constant": True, "enabled": True, "insertion_order": 1, "content": content, "extensions": extensions}
        for content, extensions in (
            ("{{char}} owns rye.", {}),
            ("Old rye.", {"position": 4, "depth": 4}),
            ("Gone", {}),
        )
    ]
    chat = begin(
        script("/rye/g", "wheat", placement=[5], maxDepth=3),
        script("/Mara/", "She", placement=[5], promptOnly=True),
        script("/She/", "Shown", placement=[5], markdownOnly=True),
        script("/^Gone$/", "", placement=[5]),
        script("/owns/", "has", placement=[1, 2, 3]),
        character_book={"entries": entries},
    )

    sent = "\n".join(text for _, text in say(chat, "Mara has rye.")).split("\n")
    assert "She owns wheat." in sent
    assert "Old rye." in sent
    assert "Gone" not in sent
    assert "Mara has rye." in sent


def test_a_script_for_lorebooks_alone_is_usable():
    found = script_of(script("/a/", "b", placement=[5]))
    assert found
    assert not found.trouble
    assert (found.fits("lore", None), found.fits("user", 0)) == (True, False)
    assert script_of(script("/a/", "b", placement=[3, 6])).trouble
