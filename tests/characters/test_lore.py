"""The lorebook and the note of a character's card: which parts the model is sent, and where."""

from typing import Any

import pytest
from sqlalchemy import select

from tests.characters.card_samples import as_json, bring
from tests.characters.conftest import heard
from tests.chat.conftest import asked, ended
from tests.support.marks import also_on_postgres
from tests.support.turns import nobody_waits
from webapp.base.db import db, write
from webapp.characters.lore import queries as lore_queries
from webapp.characters.lore.tables import Lorebook
from webapp.people.accounts.tables import User

WORLD = {
    "name": "The valley",
    "scan_depth": 1,
    "entries": [
        {"keys": ["mill"], "content": "{{char}}'s mill burnt down.", "insertion_order": 1, "position": "before_char"},
        {
            "keys": ["rye"],
            "name": "Rye",
            "content": "Rye is dear, {{// or so}}{{noop}}says {{lastUserMessage}}.",
            "insertion_order": 2,
            "position": "after_char",
        },
        {"keys": ["rye"], "content": "@@depth 1\n@@role user\n(It rains.)", "insertion_order": 3},
        {"keys": ["never"], "content": "No.", "insertion_order": 4},
    ],
}
NOTE = {"prompt": "<BOT> limps.", "depth": 0, "role": "system"}


TRIGGERS = {"normal": "An answer.", "swipe": "Another.", "continue": "The rest.", "impersonate": "Mine.", "quiet": "Never."}


@pytest.fixture
def triggered(member, fake) -> str:
    """The path of a chat with a character whose lorebook entries each have a different trigger."""
    entries = [{"constant": True, "content": text, "extensions": {"triggers": [name]}} for name, text in TRIGGERS.items()]
    data: dict[str, Any] = {"name": "Mara", "description": "Mara.", "character_book": {"entries": entries}}
    brought = bring(member, ("mara.json", as_json({"spec": "chara_card_v2", "spec_version": "2.0", "data": data})))
    fake.says("Aye.")
    return member.page(brought.link("Mara").attributes["href"] or "").press("Chat with Mara").path


def test_entries_are_sent_for_what_they_are_meant(triggered, say, member, fake):
    def told() -> list[str]:
        fake.until(lambda log: len(asked(fake)) > before)
        return [text for text in TRIGGERS.values() if text in str(heard(fake))]

    before = 0
    say(triggered, "Hello")
    assert told() == ["An answer."]
    for press, text in (("Try again", "Another."), ("Continue", "The rest."), ("Draft my next message", "Mine.")):
        before = len(asked(fake))
        member.wait_for(triggered, ended).press(press)
        assert told() == [text]


@pytest.fixture
def played(member, fake) -> str:
    """The path of a chat with a character that has a lorebook."""
    data: dict[str, Any] = {"name": "Mara", "description": "Mara mills rye.", "first_mes": "", "character_book": WORLD}
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**data, "extensions": {"depth_prompt": NOTE}}}
    brought = bring(member, ("mara.json", as_json(card)))
    fake.says("Aye.")
    return member.page(brought.link("Mara").attributes["href"] or "").press("Chat with Mara").path


@pytest.mark.slow
@also_on_postgres
def test_what_comes_up_is_told_in_its_place(played, say):
    assert say(played, "Hello") == [
        ("system", "Mara mills rye."),
        ("user", "Hello"),
        ("system", "Mara limps."),
    ]
    assert say(played, "What does rye cost at the mill?") == [
        ("system", "Mara's mill burnt down.\n---\nMara mills rye.\n---\nRye is dear, says What does rye cost at the mill?."),
        ("user", "Hello"),
        ("assistant", "Aye."),
        ("user", "(It rains.)"),
        ("user", "What does rye cost at the mill?"),
        ("system", "Mara limps."),
    ]
    assert say(played, "And now?")[0] == ("system", "Mara mills rye.")


@pytest.mark.slow
def test_who_has_a_nickname_goes_by_it_in_note_and_lorebook_too(member, fake, say):
    book = {"entries": [{"constant": True, "content": "{{char}}'s mill.", "position": "after_char"}]}
    data = {"name": "Mara the miller", "nickname": "Mara", "description": "{{char}} mills rye.", "character_book": book}
    about = {"depth_prompt": {"prompt": "{{char}} limps.", "depth": 0}}
    card = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {**data, "extensions": about}}
    brought = bring(member, ("mara.json", as_json(card)))
    fake.says("Aye.")
    chat = member.page(brought.link("Mara the miller").attributes["href"] or "").press("Chat with Mara the miller").path
    valley = member.submit("/lorebooks", name="Valley").path
    member.submit(f"{valley}/entries/new", content="{{char}} is poor.", is_constant="on")
    member.submit(f"{chat}/prompts", lorebooks=valley.rpartition("/")[2], pre_prompt="{{charDepthPrompt}}")

    told = say(chat, "Hello")
    assert told[0][1].split("\n---\n") == ["Mara limps.", "Mara the miller is poor.", "Mara mills rye.", "Mara's mill."]
    assert told[-1] == ("system", "Mara limps.")


def test_what_was_sent_says_where_it_is_from(played, say, member):
    say(played, "Rye?")
    page = member.page(member.page(played).one("a[href*='/sent']").attributes["href"])
    assert page.says("Rye is dear, says Rye?.")
    assert page.says("Lorebook The valley")
    assert page.says("Character's note")


def test_the_page_of_the_character_shows_its_entries(played, member):
    page = member.page(member.page(played).one("a.played__name").attributes["href"])
    titles = [node.text().split("\n")[0].strip() for node in page.all("#lore ~ details summary")]
    assert titles == ["mill", "Rye", "rye", "never"]
    assert page.says("Keys: mill")


@pytest.mark.slow
def test_a_lorebook_for_all_chats_with_characters_is_used_too(played, say, member):
    page = member.submit("/lorebooks", name="Weather")
    member.page(page.link("New entry").attributes["href"]).form("Create entry").submit(
        content="It is autumn.", is_constant="on", position="4", depth="1", role="1"
    )
    assert ("system", "It is autumn.") not in say(played, "Hello")
    member.page(page.path).form("Save").submit(is_always="on")
    assert say(played, "Rye?")[-3:] == [
        ("user", "(It rains.)\n---\nIt is autumn."),
        ("user", "Rye?"),
        ("system", "Mara limps."),
    ]


@pytest.mark.slow
@also_on_postgres
def test_an_authors_note_is_told_among_the_last_messages_between_what_belongs_above_and_below_it(played, say, member, app):
    around = [
        {"keys": ["rye"], "content": "Above.", "extensions": {"position": 2}},
        {"keys": ["rye"], "content": "Below.", "extensions": {"position": 3}},
    ]
    with app.app_context(), write() as session:
        session.add(Lorebook(owner_id=member.person_id, name="b", book={"entries": around}, entry_count=2, is_always=True))
    prompts = f"{played.partition('#')[0]}/prompts"
    member.submit(prompts, note="{{char}} is tired.", note_depth="2", note_role="user")
    say(played, "Hello")

    assert say(played, "Rye?")[1:5] == [
        ("user", "Hello"),
        ("user", "Above.\n---\nMara is tired.\n---\nBelow."),
        ("assistant", "Aye."),
        ("user", "(It rains.)"),
    ]
    member.submit(prompts, note="", note_depth="", note_role="")
    assert ("system", "Above.\n---\nBelow.") in say(played, "More rye?")


@pytest.mark.slow
def test_however_many_large_lorebooks_are_always_used_nobody_waits(member, app):
    entries = [{"keys": [f"key {n}"], "content": "words " * 300} for n in range(1_000)]
    with app.app_context(), write() as session:
        books = ({"name": f"b{n}", "entries": entries} for n in range(20))
        always = {"owner_id": member.person_id, "is_always": True, "entry_count": 1_000}
        session.add_all(Lorebook(name=book["name"], book=book, **always) for book in books)
    with app.app_context():
        db.session.execute(select(Lorebook.id)).all()
        with nobody_waits():
            read = lore_queries.used_by(db.session.get_one(User, member.person_id), [], is_played=True)
        assert len(read) == 5


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("interval", "told"), [("2", [False, True, False, True]), ("0", [False] * 4), ("1", [True] * 4)])
def test_an_authors_note_comes_with_every_so_many_messages(played, say, member, interval, told):
    member.submit(f"{played}/prompts", note="It rains.", note_interval=interval)

    assert ["It rains." in str(say(played, f"Hello {number}")) for number in range(4)] == told
