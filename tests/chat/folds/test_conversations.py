"""A chat that outgrows its model's context: its oldest messages are folded, and opened again."""

import re
from functools import partial
from typing import Any

import pytest

from tests.engine.bench import Bench
from tests.support.marks import on_both_databases
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.base.errors import Conflict
from webapp.chat.folds import service
from webapp.chat.folds.listing import folds_on
from webapp.chat.messages import sending, versions
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.models.connections import contexts
from webapp.settings.service import set_setting

__all__ = ["app"]
pytestmark = pytest.mark.slow
MODEL, CONTEXT, TURNS = "local/one", 8192, 40
TALK = "The otter sleeps below the bridge and nobody hears it. " * 20
RULES = {1: "Never mention the word heron.", 4: "Always answer in two sentences.", 9: "Call me Jo from now on."}
HEAD = re.compile(r"\[fold-\d+: \d+ messages\]")


def holding(**behaviour: Any) -> dict[str, Any]:
    return {"context": {"tokens": CONTEXT, "as": "vllm"}, "says": f"Yes. {TALK}", **behaviour}


def known(bench: Bench) -> None:
    with bench.app.app_context():
        contexts.learn(MODEL, CONTEXT)
        set_setting("limits.streams_per_minute", "0")


def words_of(turn: int) -> str:
    return f"{turn}. {RULES.get(turn, '')} My locker {turn} has the number {4_000 + turn}. {TALK}"


def talk(bench: Bench, turns: int, *, tools: list[str] | None = None) -> str:
    """Has a chat of so many turns; returns its id."""
    id = bench.ask(words_of(1), person=bench.person(), model=MODEL, tools=tools or [])
    assert bench.until_ended(id).status == "completed"
    for turn in range(2, turns + 1):
        answer = bench.until_ended(say(bench, words_of(turn)))
        assert (answer.status, [notice["code"] for notice in answer.notices if notice["code"] != "folded"]) == ("completed", [])
    with bench.app.app_context():
        return db.session.scalars(db.select(Chat.id)).one()


def say(bench: Bench, text: str) -> str:
    with bench.app.app_context():
        return sending.ask(db.session.scalars(db.select(Chat)).one(), text).id


def sent(fake) -> list[str]:
    """Returns the texts of each request, in one piece."""
    return ["\n".join(str(message["content"]) for message in post["body"]["messages"]) for post in fake.posts()]


@on_both_databases
def test_rules_and_numbers_stay_in_a_chat_of_many_turns(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    id = talk(bench, TURNS)

    requests = sent(fake)
    assert len(requests) == TURNS
    for rule in RULES.values():
        assert rule in requests[-1]
    assert f"{TURNS}. " in requests[-1]
    # Every number is there, or behind a handle.
    assert all(str(4_000 + turn) in requests[-1] for turn in range(1, TURNS + 1))
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        folds = folds_on(chat, chat.head_id)
    assert folds
    assert all(fold.tokens_after * 2 < fold.tokens_before for fold in folds)
    begins = [HEAD.findall(request) for request in requests]
    assert begins[0] == []
    assert begins[-1]
    # What a provider's cache finds again: each request begins like one before.
    shared = sum(max(map(partial(in_common, text), requests[:at])) for at, text in enumerate(requests) if at)
    assert shared / sum(map(len, requests)) > 0.8


def in_common(one: str, other: str) -> int:
    """Returns how many characters two texts begin with in common."""
    differing = (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(differing, min(len(one), len(other)))


def test_a_fold_is_opened_again(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    talk(bench, 14)
    assert [tool["function"]["name"] for tool in fake.posts()[-1]["body"]["tools"]] == ["recall"]
    recalls = [{"handle": "fold-1", "about": "locker 3 number"}, {"handle": "fold-7"}]
    fake.behaves([holding(calls=[{"tool": "recall", "arguments": arguments}]) for arguments in recalls])

    answer = bench.until_ended(say(bench, "What was the number of locker 3?"))

    assert answer.status == "completed"
    *_, opened, missing = [message["content"] for message in fake.posts()[-1]["body"]["messages"] if message["role"] == "tool"]
    assert opened.startswith("fold-1, part 1 of ")
    assert "My locker 3 has the number 4003." in opened
    assert missing == "Error: There is no fold-7 here."


def test_the_chat_says_once_what_was_folded(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    talk(bench, 14)
    said = [notice["message"] for answer in bench.generations() for notice in answer.notices if notice["code"] == "folded"]
    assert len(said) == 1
    assert re.fullmatch(r"\d+ messages folded · [\d,]+ → [\d,]+ tokens", said[0])


def test_a_fold_is_edited_and_unfolded(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    id = talk(bench, 14)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        (fold,) = folds_on(chat, chat.head_id)
        service.edit(chat, fold.id, "They spoke of lockers.")
    bench.until_ended(say(bench, "And?"))
    assert "They spoke of lockers." in sent(fake)[-1]
    with bench.app.app_context():
        service.unfold(db.session.get_one(Chat, id), fold.id)
        contexts.learn(MODEL, 128_000)
    bench.until_ended(say(bench, "And now?"))
    assert "They spoke of lockers." not in sent(fake)[-1]
    assert words_of(1) in sent(fake)[-1]


def test_it_is_folded_at_once(bench: Bench, fake) -> None:
    fake.always(holding())
    id = talk(bench, 5)
    with bench.app.app_context():
        made = service.fold_now(db.session.get_one(Chat, id))
        assert (made.first, made.row.messages, made.row.made_by) == (0, 4, "extract")
        with pytest.raises(Conflict, match="Nothing to fold"):
            service.fold_now(db.session.get_one(Chat, id))
    bench.until_ended(say(bench, "And?"))
    assert HEAD.findall(sent(fake)[-1]) == ["[fold-1: 4 messages]"]
    assert TALK.strip() in sent(fake)[-1]


def test_a_branch_above_a_fold_has_none(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    id = talk(bench, 14)
    with bench.app.app_context():
        first = queries.ids_to(db.session.get_one(Chat, id).head_id)[0]
        edited = sending.edit(db.session.get_one(Message, first), "Only this.")
    bench.until_ended(edited.id)
    assert "[fold-" not in sent(fake)[-1]
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        assert folds_on(chat, chat.head_id) == []


def test_a_message_that_is_hidden_is_in_no_fold(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    id = talk(bench, 14)
    with bench.app.app_context():
        fourth = queries.ids_to(db.session.get_one(Chat, id).head_id)[6]
        versions.hide(db.session.get_one(Message, fourth))
    bench.until_ended(say(bench, "And?"))
    assert "4004" not in sent(fake)[-1]
    assert RULES[1] in sent(fake)[-1]
