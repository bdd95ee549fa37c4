"""Stories: in chats with characters, what no longer fits is folded as a story, always from the beginning of the chat on."""

from random import Random

import gevent
import pytest
from sqlalchemy import select

from tests.api.client import client_of
from tests.characters.conftest import MARA, heard
from tests.characters.test_character_chats import knows
from tests.chat.conftest import id_of, until_settled
from tests.support.marks import few_of, on_both_databases
from tests.support.waiting import until
from tests.upstream.handle import STORY
from webapp.base.db import db, write
from webapp.chat.folds import writing
from webapp.chat.record.tables import Chat, Message, Story
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting

LENGTH = 2_000
# A sixth of the room.
LONG = "word " * 200
# It names what a short form has to.
TALE = f"Jo came to the mill, and Mara let her in: {', '.join(f'q{number}' for number in range(14))}."


@pytest.fixture
def looks(monkeypatch):
    """The greenlets that look, after an answer, whether a fold is due: nothing of an answer runs while they do."""
    later, begun = writing.look_later, []

    def look_later(engine, *about) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(engine, "spawn", lambda work: begun.append(gevent.spawn(work)))
            later(engine, *about)

    monkeypatch.setattr(writing, "look_later", look_later)
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


def stories(app) -> list[Story]:
    with app.app_context():
        return list(db.session.scalars(select(Story).order_by(Story.id)))


def words_of(request) -> str:
    return "\n".join(turn["content"] for turn in request["body"]["messages"])


def numbered(*numbers: int) -> list[str]:
    return [f"q{number} {LONG}" for number in numbers]


def bring(app, chat: str, text: str = TALE, at: int = 0, **values) -> None:
    """Stores a story as an older version or a file has it, down to a message of the displayed branch."""
    with app.app_context(), write() as session:
        ids = session.scalars(select(Message.id).where(Message.chat_id == id_of(chat)).order_by(Message.id)).all()
        session.add(Story(chat_id=id_of(chat), message_id=ids[at], text=text, number=1, **values))
        session.get_one(Chat, id_of(chat)).fold_count = 1


@pytest.mark.slow
@on_both_databases
def test_it_is_written_in_time_and_stands_in_for_what_is_left_out(app, told, chat, member, fake):
    told(*numbered(1, 2))
    assert not fake.stories()
    turns = told(*numbered(*range(3, 10)))

    first, *_, last = fake.stories()
    assert first["body"]["model"] == "fake/plain"
    assert f"Mara: {MARA['greeting']}\n\nJo: q1 word" in words_of(first)
    assert f"What is kept of the beginning:\n\n{TALE}" in words_of(last)
    made = stories(app)
    assert {(story.kind, story.first_id) for story in made} == {("story", None)}
    assert [story.number for story in made] == [*range(1, len(made) + 1)]
    # One story, from the beginning on, and every question is in it or sent.
    (told_as,) = [content for _, content in turns if content.startswith("[fold-")]
    assert told_as == f"[fold-{len(made)}: {made[-1].messages} messages]\n{made[-1].text}"
    retold, sent = "\n".join(map(words_of, fake.stories())), "\n".join(content for _, content in turns)
    assert all(f"q{number} " in retold + sent for number in range(1, 10))
    assert not member.page(chat).says("left out")
    with app.app_context():
        records = db.session.scalars(select(Generation).where(Generation.kind == "fold")).all()
        assert {(record.user_id, record.message_id) for record in records} == {(member.person_id, None)}


@pytest.mark.slow
@pytest.mark.parametrize(("team", "wish", "is_folded"), [("on", "off", False), ("off", "on", True), ("off", "", False)])
def test_a_chat_says_otherwise_than_the_team(app, told, chat, member, fake, team, wish, is_folded):
    client_of(app, member.email).said("PATCH", f"/chats/{id_of(chat)}", 200, {"fold": wish})
    with app.app_context():
        set_setting("context.fold", team)
    told(*numbered(*range(1, 9)))

    assert bool(stories(app)) == is_folded
    assert member.page(chat).says("left out") != is_folded


@pytest.mark.slow
def test_a_history_limit_leaves_nothing_untold(app, told, chat, member, fake):
    with app.app_context(), write() as session:
        session.get_one(Chat, id_of(chat)).history_limit = 4
    turns = told(*(f"q{number}. {'word ' * 20}" for number in range(8)))

    texts = [content for _, content in turns]
    assert sum(text.startswith(("q", "Aye.")) for text in texts) <= 4 + 1
    assert all(f"q{number}" in "\n".join(texts) for number in range(8))


@pytest.mark.slow
@pytest.mark.parametrize("seed", few_of(range(3)))
def test_whatever_is_said_every_message_is_told_or_sent(app, told, chat, fake, seed):
    # In tokens, an eighth of the budget at most.
    sizes = [Random(seed * 100 + number).randint(40, 160) for number in range(14)]
    for number, size in enumerate(sizes):
        turns = told(f"q{number}. {'word ' * size}")
        retold, sent = "\n".join(map(words_of, fake.stories())), "\n".join(content for _, content in turns)
        assert [turn for turn in range(number + 1) if f"q{turn}. " not in retold + sent] == []
    assert "[fold-" in sent


@pytest.mark.slow
def test_a_placeholder_stands_for_it(app, told, chat, member):
    with app.app_context(), write() as session:
        session.get_one(Chat, id_of(chat)).note = "So far: {{summary}}! {{lastMessageId}}"
    assert ("system", "So far: ! 1") in told("One")
    bring(app, chat, "A {{user}} <b>tale</b>.", made_by="model")

    assert ("system", "So far: A {{user}} <b>tale</b>.! 3") in told("Two")


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
    told("Ahoy", "Two", "Three", "Four", path=f"/chats/{begun}")
    program.post(f"/chats/{begun}/folds", {}, status=202)
    until_settled(app)

    assert "Bo: Bo greets.\n\nAl: Al greets.\n\nJo: Ahoy\n\n" in words_of(fake.stories()[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "made_by"),
    [(TALE, "model"), ("Okay, the user wants a story. " + TALE, "model"), ("word " * 300, "model")],
    ids=["stays", "reasoning", "longer"],
)
def test_one_of_an_older_version_is_checked(app, told, chat, fake, text, made_by):
    told(*numbered(1, 2, 3))
    bring(app, chat, text, at=2, model="old/model")
    told(*numbered(4, 5, 6))

    first = stories(app)[0]
    assert (first.made_by, first.text.startswith(TALE), first.messages, bool(first.tokens_before)) == (made_by, True, 3, True)
    assert (first.model == "old/model") == (text == TALE)


@pytest.mark.slow
def test_what_a_person_wrote_in_an_older_version_stays(app, told, chat, fake):
    told(*numbered(1, 2, 3))
    bring(app, chat, "Jo never came.", at=2, is_edited=True, made_by="extract")
    turns = told(*numbered(4, 5))

    assert [content for _, content in turns if content.startswith("[fold-")] == ["[fold-1: 3 messages]\nJo never came."]
    told(*numbered(6, 7, 8))
    assert any("What is kept of the beginning:\n\nJo never came." in words_of(request) for request in fake.stories())


def test_it_goes_with_its_chat(app, chat, member):
    bring(app, chat)
    member.post(f"{chat}/delete")
    member.post(f"{chat}/erase")

    until(lambda: not stories(app), "it is gone")
