"""GET /chats?q= finds a person's own titles and messages, on both databases, whatever is typed."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from tests.chat.test_chats import add_chats, titles
from tests.chat.test_renderings import say as store
from tests.support.marks import also_on_postgres, few_of, on_both_databases
from tests.support.speed import takes_at_most
from tests.support.turns import longest_turn, nobody_waits
from webapp.base.db import db, is_sqlite, utc_now, write
from webapp.base.ids import new_id
from webapp.chat import erasing
from webapp.chat.messages import chats
from webapp.chat.record.tables import Chat, Message
from webapp.rendering.passages import from_first_match, passage
from webapp.workspace.list.search import CONTENT, TITLE, newest_passages, search, words_of

HOSTILE = [
    '"', "'", "a AND", "AND", "NOT water", "NEAR(", "NEAR(a b, 2)", "content:x", "col:x", "\0", "a\0b", "(" * 1000, "x" * 100_000,
    "word " * 5000, "*", "^a", "-a", "{a b}: c", "a & | !", "a:*", "%",
    "_", "\\", "';--", "$1", ":query", "¹²³", "ª", "\ud800", "日本語",
]  # fmt: skip


def say(browser, chat_id: str, *contents: str) -> list[str]:
    """Stores a chain of messages and returns their ids."""
    ids = [new_id() for _ in contents]
    with browser.app.app_context(), write() as session:
        for n, content in enumerate(contents):
            session.add(Message(id=ids[n], chat_id=chat_id, parent_id=ids[n - 1] if n else None, role="user", content=content))
            session.flush()
        session.get_one(Chat, chat_id).head_id = ids[-1]
    return ids


@pytest.fixture
def chat_id(owner) -> str:
    return add_chats(owner, 1, title="Of stones and rye")[0]


def found(browser, query: str) -> list[str]:
    """Returns the passages of the messages that match the query."""
    owner_id = browser.person_id
    with browser.app.app_context():
        return ["".join(piece.text for piece in hit.passage) for hit in search(owner_id, query).hits]


@on_both_databases
def test_all_words_must_be_there_and_the_passage_marks_them(owner, chat_id):
    filler = "and so on " * 300
    say(owner, chat_id, f"{filler} the millers used French stones for rye. {filler}", "Stones alone", "Rye alone")

    page = owner.page("/chats?q=STONE rye")
    assert [node.text() for node in page.all(".hit mark")] == ["stones", "rye"]
    passage = page.one(".hit__passage").text()
    assert "the millers used French stones for rye" in passage
    assert len(passage) < 600
    assert titles(page) == ["Of stones and rye"]
    assert page.one(".hit a").attributes["href"].endswith("/place?found=stones+rye")


def test_a_narrow_passage_begins_shortly_before_its_match():
    found = passage("The long way " * 20 + "to the old mill and back", ["mill"])
    narrow = from_first_match(found)
    assert [piece.text for piece in narrow[:2]] == ["…way to the old ", "mill"]
    assert narrow[1:] == found[1:]
    assert from_first_match(passage("A mill", ["mill"])) == passage("A mill", ["mill"])
    assert from_first_match(()) == ()


@also_on_postgres
def test_a_passage_shows_words_and_not_the_signs_of_markdown(owner, chat_id):
    say(owner, chat_id, "# A weir\n\n- It **holds** the `water` [back](https://example.org/river).")

    assert found(owner, "water") == ["A weir\nIt holds the water back."]
    assert "river" in found(owner, "river")[0]
    page = owner.page("/chats?q=holds water")
    assert [node.text() for node in page.all(".hit mark")] == ["holds", "water"]


@pytest.mark.parametrize(("word", "query"), [("Über", "uber"), ("Ångström", "angstrom"), ("naïve", "naive"), ("grès", "gre")])
def test_an_excerpt_holds_the_word_whatever_its_accents(owner, chat_id, word, query):
    say(owner, chat_id, f"{'and so on ' * 900}a {word} wheel {'and so on ' * 90}")

    (passage,) = found(owner, query)
    assert f"a {word} wheel" in passage
    page = owner.page(f"/chats?q={query}")
    assert [node.text() for node in page.all(".hit mark")] == [word]


@on_both_databases
def test_the_last_word_may_be_a_beginning_and_endings_do_not_matter(owner, chat_id):
    say(owner, chat_id, "Grinding wheat slowly")

    assert found(owner, "grinds whe") == ["Grinding wheat slowly"]
    assert found(owner, "whe grinding") == []


@on_both_databases
def test_only_ones_own_chats_are_searched(owner, stranger, visitor, chat_id):
    say(owner, chat_id, "A secret about water")

    assert len(found(owner, "secret")) == 1
    assert found(stranger, "secret") == []
    assert not stranger.page("/chats?q=secret rye").all(".hit, .rows li")
    assert visitor.get("/chats?q=secret").location.startswith("/login")


@also_on_postgres
def test_what_visitors_write_is_never_found(owner, app):
    with app.app_context(), write() as session:
        session.add(Chat(id="v", visitor_hash="h", model="demo/quick", title="Visiting"))
        session.flush()
        session.add(Message(chat_id="v", role="user", content="Visiting words"))

    assert found(owner, "visiting") == []


@on_both_databases
def test_what_was_deleted_is_not_found_until_it_comes_back(owner, chat_id):
    first, second, _third = say(owner, chat_id, "The first water", "The second water", "The third water")
    assert len(found(owner, "water")) == 3

    with owner.app.app_context(), write() as session:
        session.get_one(Message, second).deleted_at = utc_now()
    assert found(owner, "water") == ["The first water"]
    with owner.app.app_context():
        chats.trash(db.session.get_one(Chat, chat_id))
    assert found(owner, "water") == []
    assert not owner.page("/chats?q=rye").all(".rows .what")
    with owner.app.app_context():
        chats.restore(db.session.get_one(Chat, chat_id))
        chats.archive(db.session.get_one(Chat, chat_id), is_archived=True)
    assert found(owner, "water") == ["The first water"]
    assert first


@on_both_databases
def test_the_index_follows_every_change(owner, chat_id):
    (id,) = say(owner, chat_id, "")
    with owner.app.app_context():
        with write() as session:
            session.get_one(Message, id).content = "Now about turbines"
        with write() as session:
            session.get_one(Message, id).content = "Now about pumps"
        chats.rename(db.session.get_one(Chat, chat_id), "Reservoirs")
    assert found(owner, "turbines") == []
    assert found(owner, "pumps") == ["Now about pumps"]
    assert titles(owner.page("/chats?q=reservoir")) == ["Reservoirs"]
    assert titles(owner.page("/chats?q=rye")) == []

    with owner.app.app_context():
        with write() as session:
            session.get_one(Chat, chat_id).deleted_at = utc_now() - timedelta(days=100)
        erasing.empty_trash()
        if is_sqlite():
            for table in ("messages", "chats"):
                db.session.execute(text(f"INSERT INTO {table}_search({table}_search, rank) VALUES ('integrity-check', 1)"))
        assert not db.session.scalars(select(Message)).all()
    assert found(owner, "pumps") == []


@pytest.mark.slow
@on_both_databases
def test_nothing_that_is_typed_breaks_it(owner, chat_id):
    say(owner, chat_id, 'A plain "message" with AND and NEAR in it')
    owner_id = owner.person_id
    with owner.app.app_context():
        for query in HOSTILE:
            search(owner_id, query)
            search(owner_id, f"message {query}")
    assert found(owner, 'plain "message') == ['A plain "message" with AND and NEAR in it']
    for query in HOSTILE[:12]:
        assert owner.get("/chats", query={"q": query[:400]}).status_code == 200


@pytest.mark.slow
@also_on_postgres
def test_hostile_text_is_shown_as_text(owner, chat_id):
    say(owner, chat_id, "water <script>alert(1)</script> \x02\x03\x03 <mark>x</mark>")

    page = owner.page("/chats?q=water")
    assert "&lt;script&gt;" in page.text
    assert page.all(".hit mark")[0].text() == "water"
    assert not page.all(".hit mark mark, .hit script")


@pytest.mark.slow
@on_both_databases
def test_a_huge_text_is_stored_and_found(owner, chat_id):
    many = " ".join(f"w{n:x}{n * 7919:x}" for n in range(150_000))
    say(owner, chat_id, f"needle {many}")

    assert len(found(owner, "needle")) == 1


@on_both_databases
def test_a_common_word_in_a_huge_text_keeps_nobody_waiting(owner, chat_id):
    say(owner, chat_id, "hello *water* " * 130_000)

    with takes_at_most(2):
        (passage,) = found(owner, "water")
    assert "hello water hello" in passage
    assert len(passage) < 400


@pytest.mark.slow
@on_both_databases
@pytest.mark.parametrize("filler", few_of(["water rye ", "![\n", "> - > - ! ", "water ", "[", "e\u0301\u0302 ", "*_*_*_"], 2))
def test_no_hostile_text_holds_up_the_others(owner, chat_id, filler):
    say(owner, chat_id, *(f"{n} water {filler * (195_000 // len(filler))} rye" for n in range(20)))

    with longest_turn() as longest, takes_at_most(4):
        passages = found(owner, "water rye")
    assert longest.seconds < 0.5
    assert len(passages) == 20
    assert all("water" in passage and len(passage) < 400 for passage in passages)


@pytest.mark.slow
@on_both_databases
@pytest.mark.parametrize(
    "query", few_of(["rye water " * 10, "water " * 20, "w wa wat wate water " * 4]), ids=["two", "one", "each"]
)
def test_a_word_that_is_said_again_and_again_is_looked_for_once(owner, chat_id, query):
    filler = "water w wa wat wate rye " * 8_000
    say(owner, chat_id, *(f"{n} {filler}" for n in range(60)))

    with nobody_waits():
        assert len(found(owner, query)) == 20


@pytest.mark.parametrize("query", ["water rye water", "rye water", "rye rye water water"])
def test_of_words_said_twice_the_last_stays_the_beginning(owner, chat_id, query):
    say(owner, chat_id, "Rye and waterwheels", "Rye alone")

    assert found(owner, query) == ["Rye and waterwheels"]


@pytest.mark.slow
def test_hits_deep_in_a_long_chat_with_deleted_messages_hold_up_nobody(owner, chat_id):
    ids = store(owner, f"/chats/{chat_id}", ["And so on"] * 5_000 + ["Water"] * 20)
    with owner.app.app_context(), write() as session:
        session.add(Message(chat_id=chat_id, parent_id=ids[0], role="user", content="Water", deleted_at=utc_now()))

    with longest_turn() as longest:
        assert len(found(owner, "water")) == 20
    assert longest.seconds < 0.2


@on_both_databases
def test_a_passage_is_found_by_the_stem_of_a_word_far_behind_others_like_it(owner, chat_id):
    say(owner, chat_id, "The grit and the grid. " * 30 + "Grinding is slow work. " + "And so on. " * 300)

    (passage,) = found(owner, "grinds")
    assert "Grinding is slow work" in passage


@pytest.mark.slow
@also_on_postgres
def test_more_hits_are_on_further_pages(owner, chat_id):
    say(owner, chat_id, *(f"Water number {n}" for n in range(45)))

    page = owner.page("/chats?q=water")
    seen = [node.text() for node in page.all(".hit__passage")]
    while page.has("a", "More"):
        page = page.click("More")
        seen += [node.text() for node in page.all(".hit__passage")]
    assert len(seen) == len(set(seen)) == 45
    for number in ("x", "-1", "999", "9" * 30, "²"):
        assert owner.get("/chats", query={"q": "water", "page": number}).status_code == 200


@pytest.mark.slow
def test_a_search_for_nothing_says_what_to_do(owner, chat_id):
    assert owner.page("/chats?q=").says("Type a word")
    assert owner.page("/chats?q=%22%28").says("Type a word")
    assert owner.page("/chats?q=unheard").says("No results. Try fewer words")
    assert owner.page("/").one('#sidebar form[role="search"]').attributes["action"] == "/chats"


def test_words_are_few_and_short():
    assert words_of('Foo_bar "BAZ"!') == ["foo", "bar", "baz"]
    assert len(words_of("a " * 1000)) == 20
    assert words_of("x" * 1000) == ["x" * 60]


@on_both_databases
def test_versions_of_one_message_are_one_hit(owner, chat_id):
    above, _ = say(owner, chat_id, "Tell me of stones", "Which ones?")
    with owner.app.app_context(), write() as session:
        for n in range(9):
            session.add(Message(chat_id=chat_id, parent_id=above, role="assistant", content=f"French stones, version {n}"))
        session.add(Message(chat_id=chat_id, parent_id=above, role="user", content="Stones for rye"))

    assert sorted(hit.split(",")[0] for hit in found(owner, "stones")) == [
        "French stones",
        "Stones for rye",
        "Tell me of stones",
    ]
    owner_id = owner.person_id
    with owner.app.app_context():
        assert len(newest_passages(owner_id, "stones", limit=8)) == 3


@on_both_databases
@pytest.mark.parametrize(
    "said", ["a List<String> of them", "see /srv/mill/config.toml", "mail to miller@example.org", "well-known x=rye"]
)
def test_signs_divide_words_and_are_shown(owner, chat_id, said):
    say(owner, chat_id, said)
    for query in ("string", "config", "miller", "known", "rye"):
        if query in said.lower():
            assert found(owner, query) == [said]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_the_index_is_used(owner, chat_id):
    say(owner, chat_id, "Water")
    with owner.app.app_context():
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        for table, vector, index in (("messages m", CONTENT, "ix_messages_search"), ("chats c", TITLE, "ix_chats_search")):
            explained = text(f"EXPLAIN SELECT 1 FROM {table} WHERE {vector} @@ to_tsquery('english', 'water')")
            assert index in "\n".join(db.session.scalars(explained))
