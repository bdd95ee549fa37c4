"""GET /generations/<id>/sent shows exactly what a model was sent."""

import pytest
from sqlalchemy import select, update

from tests.chat.conftest import asked, ended, ended_with, statuses
from tests.support.turns import nobody_waits
from webapp.base.db import db, write
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation
from webapp.tools.tables import Call

MANY, LONG = 240, "mill & race" + " rush & murmur" * 15_000


@pytest.fixture
def path(owner, answered, fake) -> str:
    fake.says("One")
    owner.submit("/settings/memory", instructions="Answer like a miller.")
    return answered(owner, "First")


def url_of(page) -> str:
    return str(page.all("a.sent-link")[-1].attributes["href"])


def parts(page) -> list[tuple[str, str]]:
    return [(str(node.attributes["data-role"]), node.css_first("pre").text()) for node in page.all(".part")]


def logged(fake) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in asked(fake)[-1]["body"]["messages"]]


@pytest.mark.slow
def test_it_is_what_the_provider_heard(owner, path, fake):
    fake.says("Two")
    owner.post(f"{path}/messages", message="Second <b>& more</b>")
    page = owner.wait_for(path, ended_with(4))

    shown = owner.page(url_of(page))

    assert parts(shown) == logged(fake)
    assert [role for role, _ in parts(shown)] == ["system", "user", "assistant", "user"]
    assert shown.says("some/model")
    assert shown.click("Back to the chat").path == path


@pytest.mark.slow
def test_it_stays_what_it_was_when_the_chat_goes_on(owner, path, fake):
    page = owner.page(path)
    before = parts(owner.page(url_of(page)))
    owner.submit("/settings/memory", instructions="Something else.")
    fake.says("Two")
    owner.post(f"{path}/messages", message="Second")
    owner.wait_for(path, ended_with(4))

    assert parts(owner.page(url_of(page))) == before


@pytest.mark.slow
def test_a_continuation_shows_the_beginning_that_was_given(owner, begin, fake):
    fake.behaves([{"counted": 30, "cut_after": 5}])
    fake.counts(30)
    path = begin(owner, "First")
    page = owner.wait_for(path, ended)
    owner.post(page.action("Continue"))
    page = owner.wait_for(path, lambda page: statuses(page)[-1] == "completed")

    shown = owner.page(url_of(page))

    role, beginning = parts(shown)[-1]
    assert (role, shown.says("The model was asked to continue from here.")) == ("assistant", True)
    assert beginning.startswith("w000001")
    assert "w000030" not in beginning


@pytest.mark.slow
def test_htmx_gets_it_under_the_answer(owner, path):
    fragment = owner.htmx_get(url_of(owner.page(path)))

    assert fragment.status_code == 200
    assert fragment.text.lstrip().startswith('<hx-partial hx-target="#message-')
    assert "Answer like a miller." in fragment.text


def test_strangers_and_the_signed_out_do_not_see_it(owner, stranger, visitor, path):
    url = url_of(owner.page(path))

    assert stranger.get(url).status_code == 404
    assert visitor.get(url).location.startswith("/login")
    assert owner.get("/generations/nonsense/sent").status_code == 404


def test_answers_from_before_it_was_kept_say_so(owner, path, app):
    url = url_of(owner.page(path))
    with app.app_context(), write() as session:
        session.get_one(Generation, url.split("/")[2]).prompt = {}
    with app.app_context():
        assert db.session.get_one(Generation, url.split("/")[2]).prompt == {}

    assert owner.page(url).says("before Millrace started to record")


@pytest.mark.slow
def test_nobody_waits_while_it_is_made_of_fifty_megabytes(owner, path, app):
    url = url_of(owner.page(path))
    with app.app_context(), write() as session:
        generation = session.get_one(Generation, url.split("/")[2])
        question = session.get_one(Message, session.get_one(Message, generation.message_id).parent_id)
        for _ in range(MANY):
            question = session.get_one(Message, question.id)
            above = Message(chat_id=generation.chat_id, role="user", content=LONG, parent_id=question.parent_id)
            session.add(above)
            session.flush()
            question.parent_id = above.id
        session.flush()
        ids = session.scalars(select(Message.id).where(Message.content == LONG))
        generation.prompt = {**generation.prompt, "messages": [[id, len(LONG)] for id in ids]}

    with nobody_waits(0.2):
        shown = owner.client.get(url)

    assert shown.text.count("mill &amp; race") == MANY


@pytest.mark.slow
def test_it_says_how_many_messages_the_history_limit_left_out(owner, path, fake):
    fake.says("Two")
    owner.submit(f"{path}/prompts", history_limit="1")
    owner.submit(path, message="Second")
    shown = owner.page(url_of(owner.wait_for(path, ended_with(4))))

    assert shown.says("Left out by the history limit of 1: 1 message from the beginning.")
    assert [text for _, text in parts(shown)] == ["Answer like a miller.", "One", "Second"]


@pytest.mark.slow
def test_it_shows_what_was_folded_after_a_refusal(owner, answered, fake):
    fake.says("One")
    path = answered(owner, "word " * 3_000)
    fake.behaves([{"status": 400, "json": {"error": {"message": "maximum context length is 4096 tokens, you requested 9036"}}}])
    fake.says("Two")
    owner.post(f"{path}/messages", message="word " * 2_000)
    page = owner.wait_for(path, ended_with(4))

    line = "[fold-1: 2 messages]"
    assert owner.page(url_of(page)).says(line)
    assert not owner.page(str(page.all("a.sent-link")[0].attributes["href"])).says(line)


def test_one_character_is_one(owner, answered, fake):
    fake.says("One")
    path = answered(owner, "?")

    assert owner.page(url_of(owner.page(path))).says("user · 1 character")


def test_a_chat_can_leave_out_what_its_owner_says_of_themselves(owner, path, fake):
    fake.says("Two")
    owner.submit(f"{path}/prompts", own_instructions="off", history_limit="0")
    owner.submit(path, message="Second")
    shown = owner.page(url_of(owner.wait_for(path, ended_with(4))))

    assert [text for _, text in parts(shown)] == ["Second"]


@pytest.fixture
def called(owner, fake) -> str:
    """A chat whose answer has gone back to the model twice."""
    search = {"tool": "search_documents", "arguments": {"query": "weirs <b>"}}
    first = {"says": "I look.", "calls": [search, {"tool": "fly", "arguments": {}}]}
    fake.always({"rounds": [first, {"calls": [search]}, {"says": "So."}]})
    return owner.wait_for(owner.post("/chats", message="Go", tools="search_documents").location.partition("#")[0], ended).path


def sent_of_answer(fake) -> list[tuple[str, str]]:
    """Returns what the last request contained after the question: texts and calls of the model, and what was returned."""
    (*_, request) = asked(fake)
    sent, turns = list[tuple[str, str]](), request["body"]["messages"]
    for turn in turns[next(at for at, turn in enumerate(turns) if turn["role"] == "user") + 1 :]:
        sent += [(turn["role"], turn["content"])] * bool(turn.get("content"))
        sent += [("assistant", call["function"]["arguments"]) for call in turn.get("tool_calls") or ()]
    return sent


def test_every_round_is_shown_with_its_calls_and_what_they_returned(owner, called, fake):
    page = owner.page(url_of(owner.page(called)))
    shown = parts(page)
    at = next(at for at, (role, _) in enumerate(shown) if role == "user") + 1
    assert shown[at:] == sent_of_answer(fake)
    assert [role for role, _ in shown[at:]] == ["assistant", "assistant", "assistant", "tool", "tool", "assistant", "tool"]
    assert page.says("Then, after round 1:")
    assert page.says("Then, after round 2:")
    assert "So." not in [content for _, content in shown]


def test_results_of_rounds_are_for_those_who_see_their_sources(owner, called):
    unseen = [{"number": 1, "document_id": "d", "passage_id": "p", "page": None}]
    with owner.app.app_context(), write() as session:
        session.execute(update(Call).where(Call.round == 1, Call.number == 0).values(text="The secret", sources=unseen))
    page = owner.page(url_of(owner.page(called)))
    assert "The secret" not in page.text
    assert page.says("The result quotes documents that you can't see.")


def test_an_open_call_was_not_sent(owner, called):
    with owner.app.app_context(), write() as session:
        session.execute(update(Call).where(Call.round == 2).values(state="unknown"))
    assert not owner.page(url_of(owner.page(called))).says("Then, after round 2:")


def test_a_plain_answer_costs_no_statement_more(owner, path):
    url = url_of(owner.page(path))
    with owner.counting_statements() as statements:
        owner.page(url)
    assert not [statement for statement in statements if "FROM calls" in statement]
