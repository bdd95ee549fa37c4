"""The story: the model summarizes what no longer fits a chat's context window; it is stored, and sent instead."""

from random import Random

import gevent
import pytest
from sqlalchemy import func, select

from tests.api.client import client_of
from tests.characters.conftest import MARA, asked, heard
from tests.characters.test_character_chats import knows
from tests.chat.conftest import ended_with, give, id_of, until_settled
from tests.support.marks import also_on_postgres, few_of, on_both_databases
from tests.support.waiting import until
from tests.upstream.handle import STORY
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat, Message, Story
from webapp.chat.story import service as story_service
from webapp.engine.tables import ACTIVE, Generation
from webapp.settings.service import set_setting

LENGTH = 1_000
# A fifth of the history's budget.
LONG = "word " * 100
TALE = "Jo came to the mill, and Mara let her in."


@pytest.fixture
def looks(monkeypatch):
    """The greenlets that look, after an answer, whether the story is due: nothing of an answer runs while they do."""
    later, begun = story_service.carry_on_later, []

    def carry_on_later(engine, *about) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(engine, "spawn", lambda work: begun.append(gevent.spawn(work)))
            later(engine, *about)

    monkeypatch.setattr(story_service, "carry_on_later", carry_on_later)
    return begun


@pytest.fixture
def told(app, chat, member, fake, looks):
    """Sends messages in a chat with a short context window; returns what the model is sent with the last one."""
    knows(app, "fake/plain", LENGTH)
    with app.app_context():
        set_setting("models.titles", "off")
        set_setting("limits.streams_per_minute", "0")

    def told(*messages: str, path: str = chat) -> list[tuple[str, str]]:
        for message in messages:
            sent = member.post(f"{path}/messages", message=message)
            assert sent.status_code == 303, sent.text
            until_settled(app)
            gevent.joinall(looks)
            until_settled(app)
        return heard(fake)

    fake.says("Aye.")
    fake.always({"says": TALE}, at=STORY)
    return told


def chat_is_told(app, chat: str) -> int:
    """Returns how many messages have text and are complete."""
    with app.app_context():
        running = select(Generation.message_id).where(Generation.status.in_(ACTIVE), Generation.message_id.is_not(None))
        query = select(func.count()).select_from(Message).where(Message.chat_id == id_of(chat), Message.content != "")
        return db.session.scalar(query.where(Message.id.not_in(running))) or 0


def stories(app) -> list[Story]:
    with app.app_context():
        return list(db.session.scalars(select(Story).order_by(Story.id)))


def words_of(request) -> str:
    return "\n".join(turn["content"] for turn in request["body"]["messages"])


def numbered(*numbers: int) -> list[str]:
    return [f"q{number} {LONG}" for number in numbers]


def kept(app, chat: str, text: str = TALE, at: int = 0) -> None:
    """Stores a story up to a message of the displayed branch."""
    with app.app_context(), write() as session:
        ids = session.scalars(select(Message.id).where(Message.chat_id == id_of(chat)).order_by(Message.id)).all()
        session.add(Story(chat_id=id_of(chat), message_id=ids[at], text=text))


@pytest.mark.slow
@on_both_databases
def test_it_is_written_in_time_and_stands_in_for_what_is_left_out(app, told, chat, member, fake):
    told(*numbered(1, 2))
    assert not fake.stories()
    told(*numbered(3, 4))

    request = fake.stories()[0]
    assert request["body"]["model"] == "fake/plain"
    assert f"Mara: {MARA['greeting']}\n\nJo: q1 word" in words_of(request)
    assert "The story so far" not in words_of(request)
    assert TALE not in words_of(asked(fake)[-1])
    turns = told(*numbered(5, 6, 7))
    system = turns[0][1]
    assert system.endswith(f"\n---\nWhat came before the messages that follow:\n\n{TALE}")
    assert turns[1][1].startswith("q")

    # Every question is in a story or sent.
    retold, sent = "\n".join(map(words_of, fake.stories())), "\n".join(content for _, content in turns)
    assert all(f"q{number} " in retold + sent for number in range(1, 8))
    assert f"The story so far:\n\n{TALE}\n\nWhat was said next:" in words_of(fake.stories()[-1])
    assert member.page(chat).says("earlier messages are summarized in the story so far.")
    assert not member.page(chat).says("were left out")
    with app.app_context():
        records = db.session.scalars(select(Generation).where(Generation.kind == "story")).all()
        assert {(record.status, record.user_id, record.message_id) for record in records} == {
            ("completed", member.person_id, None)
        }
        assert len(records) == len(fake.stories()) == len(stories(app)) < 4


@pytest.mark.slow
def test_what_was_sent_shows_it(app, told, member):
    told(*numbered(*range(1, 8)))
    generation = last_generation(app)

    sent = member.page(f"/generations/{generation}/sent")
    assert sent.says("Story so far")
    assert sent.says("from fake/plain")
    assert sent.says("Replaced by the story so far:")


def last_generation(app) -> str:
    with app.app_context():
        return db.session.scalars(
            select(Generation.id).where(Generation.kind == "roleplay").order_by(Generation.id.desc())
        ).first()


@pytest.mark.slow
def test_a_failure_is_made_good_after_the_next_answer(app, told, fake):
    fake.always({"status": 500}, at=STORY)
    told(*numbered(1, 2, 3, 4))
    assert fake.stories()
    assert not stories(app)
    fake.always({"says": TALE}, at=STORY)
    turns = told(*numbered(5))
    told("And now?")

    assert TALE not in turns[0][1]
    assert stories(app)


@pytest.mark.slow
def test_without_one_the_oldest_are_folded(app, told, chat, member, fake):
    with app.app_context():
        set_setting("models.story", "off")
    told(*numbered(*range(1, 8)))

    assert not fake.stories()
    assert member.page(chat).says("messages folded")


@pytest.mark.slow
@pytest.mark.parametrize(("team", "wish", "is_kept"), [("roleplay", "off", False), ("off", "on", True)])
def test_a_chat_says_otherwise_than_the_team(app, told, chat, member, fake, team, wish, is_kept):
    program = client_of(app, member.email)
    program.said("PATCH", f"/chats/{id_of(chat)}", 200, {"story": wish})
    with app.app_context():
        set_setting("models.story", team)
    told(*numbered(1, 2, 3, 4))

    assert bool(fake.stories()) == is_kept


@pytest.mark.slow
def test_a_history_limit_leaves_nothing_untold(app, told, chat, member, fake):
    with app.app_context(), write() as session:
        session.get_one(Chat, id_of(chat)).history_limit = 4
    turns = told("One", "Two", "Three", "Four")

    assert [content for role, content in turns if role == "user"][-1] == "Four"
    retold, sent = "\n".join(map(words_of, fake.stories())), "\n".join(content for _, content in turns)
    assert all(text in retold + sent for text in ("One", "Two", "Three", MARA["greeting"]))
    assert TALE in turns[0][1]


@pytest.mark.slow
def test_a_branch_has_the_story_of_its_own_messages(app, told, chat, member, fake):
    told(*numbered(1, 2, 3, 4))
    (first, *_) = stories(app)
    with app.app_context():
        question = db.session.scalars(select(Message.id).where(Message.content.startswith("q1 "))).one()
        assert first.message_id > question
    before = len(asked(fake))
    member.post(f"/messages/{question}/edit", message=f"r1 {LONG * 4}")
    fake.until(lambda _: len(asked(fake)) > before)
    until_settled(app)

    assert TALE not in words_of(asked(fake)[-1])


@pytest.mark.slow
def test_another_version_of_what_is_told_has_the_story_before_it(app, told, chat, member, fake):
    told("One")
    kept(app, chat, "She came.", at=0)
    member.htmx_post(f"{chat}/story/write", text="She came.", was=mark(member, chat))
    assert member.page(f"{chat}/story").says("Summarizes 3 messages")
    answer = member.page(chat).message_ids[-1]
    member.post(f"/messages/{answer}/again")
    member.wait_for(chat, ended_with(3))
    until_settled(app)

    assert member.page(f"{chat}/story").one("#story-text").text().strip() == "She came."
    member.post(f"/messages/{answer}/version")
    member.post(f"/messages/{answer}/delete")
    assert member.page(f"{chat}/story").one("#story-text").text().strip() == "She came."


@pytest.mark.slow
@pytest.mark.parametrize("seed", few_of(range(3)))
def test_whatever_is_said_every_message_is_told_or_sent(app, told, chat, fake, seed):
    # In tokens, an eighth of the budget at most.
    sizes = [Random(seed * 100 + number).randint(1, 60) for number in range(14)]
    for number, size in enumerate(sizes):
        turns = told(f"q{number}. {'word ' * size}")
        retold, sent = "\n".join(map(words_of, fake.stories())), "\n".join(content for _, content in turns)
        assert [turn for turn in range(number + 1) if f"q{turn}. " not in retold + sent] == []
        assert (TALE in turns[0][1]) == ("q0. " not in sent)

    assert len(fake.stories()) >= 1


@pytest.mark.slow
@also_on_postgres
def test_a_person_changes_it_and_it_is_carried_on_from_there(app, told, chat, member, fake):
    told(*numbered(1, 2, 3, 4))
    page = member.page(f"{chat}/story")
    assert page.says(TALE)
    page = page.press("Save story", text="Jo never came.")
    assert page.says("Saved.")
    assert page.says("Edited by a person")
    told(*numbered(5, 6, 7))

    assert "The story so far:\n\nJo never came." in words_of(fake.stories()[1])
    assert next(story.is_edited for story in stories(app)) is True


def test_of_two_tabs_the_later_is_refused(app, chat, member):
    kept(app, chat)
    one, two = member.page(f"{chat}/story"), member.page(f"{chat}/story")
    one.press("Save story", text="From one tab.")
    refused = two.press("Save story", text="From the other.")

    assert refused.status_code == 409
    assert refused.says("The story so far was changed elsewhere. Open it again.")
    assert refused.one("#story-text").text().strip() == "From the other."
    assert [story.text for story in stories(app)] == ["From one tab."]


@pytest.mark.slow
def test_what_a_person_wrote_meanwhile_stays(app, told, chat, member, fake):
    kept(app, chat)
    told("One")
    fake.always({"says": "Another tale.", "delay": 0.5}, at=STORY)
    asking = gevent.spawn(member.htmx_post, f"{chat}/story/write", text=TALE, was=mark(member, chat))
    until(fake.stories, "the model writes")
    member.page(f"{chat}/story").press("Save story", text="Mine.")

    asking.get()
    assert [story.text for story in stories(app)] == ["Mine."]


def mark(member, chat) -> str:
    return member.page(f"{chat}/story").one("input[name=was]").attributes["value"]


def test_it_is_written_now(app, told, chat, member, fake):
    told("One")
    page = member.page(f"{chat}/story").press("Write now", text="")

    assert page.says("Story written.")
    assert page.one("#story-text").text().strip() == TALE
    assert "Jo: One\n\nMara: Aye." in words_of(fake.stories()[0])
    # The story already covers every message, so no request is made.
    assert page.press("Write now", text=TALE).says("The story is already up to date.")
    assert len(fake.stories()) == 1
    assert page.press("Delete story", text=TALE).says("Story deleted.")
    assert not stories(app)


def test_what_stands_in_its_way_is_said(app, told, chat, member, fake):
    fake.always({"status": 401, "json": {"error": {"message": "no"}}}, at=STORY)

    answer = member.htmx_post(f"{chat}/story/write", text="", was="")
    assert answer.status_code == 503
    assert answer.says("The model gave no answer.")
    too_long = member.htmx_post(f"{chat}/story", text="x" * 20_001, was="")
    assert too_long.status_code == 422
    with app.app_context(), write() as session:
        session.get_one(Chat, id_of(chat)).model = "demo/quick"
    assert member.htmx_post(f"{chat}/story/write", text="", was="").says("The demo can't write the story so far.")


@pytest.mark.slow
def test_programs_read_and_write_it(app, told, chat, member, stranger):
    program, path = client_of(app, member.email), f"/chats/{id_of(chat)}/story"
    nothing = program.get(path)
    assert (nothing["text"], nothing["mark"], nothing["message_id"]) == ("", "", None)
    program.said("PUT", path, 422, {"text": "  "})
    first = program.said("PUT", path, 200, {"text": "Mine.", "was": ""})
    assert (first["text"], first["is_edited"], first["model"], first["count"]) == ("Mine.", True, "", 1)
    program.said("PUT", path, 409, {"text": "Other.", "was": ""})
    program.said("PUT", path, 200, {"text": "Other.", "was": first["mark"]})
    told("One")
    written = program.said("POST", path, 200)
    assert (written["text"], written["is_edited"], written["model"], written["count"]) == (TALE, False, "fake/plain", 3)
    reader = client_of(app, stranger.email)
    reader.said("GET", path, 404)
    give(chat, stranger, "view")
    assert reader.said("GET", path, 200)["text"] == TALE
    reader.said("DELETE", path, 404)
    program.said("DELETE", path, 204)
    assert program.get(path) == nothing


@pytest.mark.slow
def test_a_placeholder_stands_for_it(app, told, chat, member):
    with app.app_context(), write() as session:
        session.get_one(Chat, id_of(chat)).note = "So far: {{summary}}!"
    assert ("system", "So far: !") in told("One")
    kept(app, chat, "A {{user}} <b>tale</b>.")

    assert ("system", "So far: A {{user}} <b>tale</b>.!") in told("Two")


@pytest.mark.slow
def test_whatever_a_model_writes_is_text(app, told, chat, member, fake):
    fake.always({"says": "<script>alert(1)</script></textarea><b>Jo</b>"}, at=STORY)
    told("One")
    page = member.page(f"{chat}/story").press("Write now", text="")

    assert page.one("#story-text").text().strip() == "<script>alert(1)</script></textarea><b>Jo</b>"


def test_it_goes_with_its_chat(app, chat, member):
    kept(app, chat)
    member.post(f"{chat}/delete")
    member.post(f"{chat}/erase")

    until(lambda: not stories(app), "it is gone")


@pytest.mark.slow
def test_in_a_group_everyone_speaks_by_name(app, told, member, fake):
    program = client_of(app, member.email)
    ids = [
        program.post("/characters", {"name": name, "description": f"{name} sails.", "greeting": f"{name} greets."}, status=201)[
            "id"
        ]
        for name in ("Bo", "Al")
    ]
    begun = program.post("/chats", {"character_ids": ids}, status=201)["chat"]["id"]
    told("Ahoy", path=f"/chats/{begun}")
    program.post(f"/chats/{begun}/story", status=200)

    assert "Bo: Bo greets.\n\nAl: Al greets.\n\nJo: Ahoy\n\n" in words_of(fake.stories()[0])
    assert words_of(fake.stories()[0]).count(": Aye.") == 1


def test_an_answer_that_is_being_written_is_not_told_yet(app, told, chat, member, fake):
    fake.always({"steps": [{"hang": True}]})
    member.submit(chat, message="One")
    member.page(f"{chat}/story").press("Save story", text="Jo asked.")

    assert member.page(f"{chat}/story").says("Summarizes 2 messages")
    assert member.htmx_post(f"{chat}/story/write", text="Jo asked.", was=mark(member, chat)).status_code == 409
