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
from webapp.chat.folds import making, service
from webapp.chat.folds.listing import folds_on
from webapp.chat.messages import sending, versions
from webapp.chat.prompt import path_folds
from webapp.chat.prompt.fold_due import FoldOrder, replacing
from webapp.chat.record import paths, queries
from webapp.chat.record.tables import Chat, Message
from webapp.models.connections import contexts
from webapp.settings.service import set_setting
from webapp.workspace.page.composer_shown import meter

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


def test_the_meter_says_what_is_sent_of_a_folded_chat(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    id = talk(bench, 2 * TURNS // 3)
    with bench.app.app_context():
        messages = paths.messages_to(db.session.get_one(Chat, id).head_id or "")
        rows = list(db.session.scalars(db.select(Message).where(Message.id.in_([message.id for message in messages]))))
        rows.sort(key=lambda message: message.id)
        whole, sent_of_it = meter(rows, CONTEXT), meter(rows, CONTEXT // 4, has_folds=True)
    assert whole
    assert whole.percent == 100
    assert sent_of_it
    assert abs(sent_of_it.tokens - len(sent(fake)[-1]) / 4) < CONTEXT / 8


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


def test_what_a_fold_has_replaced_is_unfolded_with_it(bench: Bench, fake) -> None:
    fake.always(holding())
    id = talk(bench, 7)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        ids, person = queries.ids_to(chat.head_id), chat.owner_id or ""
        service.fold_now(chat, ids[3], by=person)
        folds = path_folds.on_path(db.session(), db.session.get_one(Chat, id), ids)
        making.make(FoldOrder(id, "conversation", tuple(ids[:8]), True, 1_000, **replacing("conversation", folds)))
        (fold,) = folds_on(db.session.get_one(Chat, id, populate_existing=True), ids[-1])
        assert fold.messages == 8
        service.unfold(db.session.get_one(Chat, id), fold.id)
        assert folds_on(db.session.get_one(Chat, id), ids[-1]) == []


def test_it_is_folded_at_once(bench: Bench, fake) -> None:
    fake.always(holding())
    id = talk(bench, 5)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        person = chat.owner_id or ""
        made = service.fold_now(chat, by=person)
        assert (made.first, made.row.messages, made.row.made_by) == (0, 4, "extract")
        with pytest.raises(Conflict, match="Nothing to fold"):
            service.fold_now(db.session.get_one(Chat, id), by=person)
    bench.until_ended(say(bench, "And?"))
    assert HEAD.findall(sent(fake)[-1]) == ["[fold-1: 4 messages]"]
    assert TALK.strip() in sent(fake)[-1]


def test_a_question_is_folded_with_its_answer(bench: Bench, fake) -> None:
    fake.always(holding())
    id = talk(bench, 6)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        ids = queries.ids_to(chat.head_id)
        made = service.fold_now(chat, ids[2], by=chat.owner_id or "")
        assert (made.row.message_id, made.row.messages) == (ids[3], 4)
        again = sending.regenerate(db.session.get_one(Message, ids[3]))
    bench.until_ended(again.id)
    assert str(fake.posts()[-1]["body"]["messages"][-1]["content"]) == words_of(2)


@pytest.mark.parametrize("is_edited", [True, False])
def test_what_a_person_does_with_a_fold_outlives_one_that_is_being_made(bench: Bench, fake, is_edited: bool) -> None:
    known(bench)
    fake.always(holding())
    id = talk(bench, 14)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        (fold,), ids = folds_on(chat, chat.head_id), queries.ids_to(chat.head_id)
        earlier = replacing("conversation", path_folds.on_path(db.session(), chat, ids))
        material = making.read(FoldOrder(id, "conversation", tuple(ids[:-4]), True, 1_000, **earlier))
        assert material
        chat = db.session.get_one(Chat, id)
        if is_edited:
            service.edit(chat, fold.id, "They spoke of lockers.")
        else:
            service.unfold(chat, fold.id)
        making.store_extract(material)
        chat = db.session.get_one(Chat, id, populate_existing=True)
        assert [one.text for one in folds_on(chat, chat.head_id)] == ["They spoke of lockers."] * is_edited


def test_what_a_person_has_written_stays_in_the_extract_that_replaces_it(bench: Bench, fake) -> None:
    fake.always(holding())
    id = talk(bench, 9)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        ids = queries.ids_to(chat.head_id)
        first = service.fold_now(chat, ids[3], by=chat.owner_id or "")
        service.edit(db.session.get_one(Chat, id), first.row.id, "They spoke of lockers.")
        chat = db.session.get_one(Chat, id)
        folds = path_folds.on_path(db.session(), chat, ids)
        making.make(FoldOrder(id, "conversation", tuple(ids[:8]), True, 1_000, **replacing("conversation", folds)))
        chat = db.session.get_one(Chat, id, populate_existing=True)
        (fold,) = folds_on(chat, chat.head_id)
        assert fold.text.startswith("They spoke of lockers.")
        assert RULES[1] in fold.text
        assert "4004" in fold.text


def test_a_hidden_message_below_a_fold_leaves_it(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    id = talk(bench, 14)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        # A model can begin to write their text at any time.
        before = [fold.id for fold in folds_on(chat, chat.head_id)]
        versions.hide(db.session.get_one(Message, queries.ids_to(chat.head_id)[-2]))
        chat = db.session.get_one(Chat, id)
        assert [fold.id for fold in folds_on(chat, chat.head_id)] == before != []


def test_a_message_that_is_kept_in_full_is_never_folded(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    id = talk(bench, 14)
    with bench.app.app_context():
        third = queries.ids_to(db.session.get_one(Chat, id).head_id)[4]
        versions.keep_in_full(db.session.get_one(Message, third))
    assert bench.until_ended(say(bench, "And?")).status == "completed"
    messages = [str(message["content"]) for message in fake.posts()[-1]["body"]["messages"]]
    fold = next(at for at, text in enumerate(messages) if HEAD.search(text))
    assert messages[fold + 1] == words_of(3)
    assert RULES[1] in messages[fold]
    assert "4003" not in messages[fold]

    for turn in range(15, 32):
        bench.until_ended(say(bench, words_of(turn)))
    messages = [str(message["content"]) for message in fake.posts()[-1]["body"]["messages"]]
    assert messages.count(words_of(3)) == 1
    assert HEAD.search(messages[messages.index(words_of(3)) - 1])
    with bench.app.app_context():
        versions.keep_in_full(db.session.get_one(Message, third), is_kept=False)
    bench.until_ended(say(bench, "And now?"))
    assert words_of(3) not in sent(fake)[-1]
    assert "4003" in sent(fake)[-1]


def test_kept_messages_take_half_of_the_context_at_most(bench: Bench, fake) -> None:
    known(bench)
    fake.always({"says": "Yes.", "context": {"tokens": 2 * CONTEXT, "as": "vllm"}})
    bench.until_ended(bench.ask(f"1. {TALK * 12}", person=bench.person(), model=MODEL))
    bench.until_ended(say(bench, f"2. {TALK * 12}"))
    with bench.app.app_context():
        first, _, second, _ = queries.ids_to(db.session.scalars(db.select(Chat)).one().head_id)
        versions.keep_in_full(db.session.get_one(Message, first))
        with pytest.raises(Conflict, match="more than half"):
            versions.keep_in_full(db.session.get_one(Message, second))
        versions.keep_in_full(db.session.get_one(Message, first), is_kept=False)
        versions.keep_in_full(db.session.get_one(Message, second))


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


def test_a_rule_is_not_left_out_when_a_length_is_learned(bench: Bench, fake) -> None:
    with bench.app.app_context():
        set_setting("limits.streams_per_minute", "0")
    fake.always(holding())
    bench.until_ended(bench.ask(f"Never mention the word heron. {TALK}", person=bench.person(), model=MODEL))
    for turn in range(2, 24):
        answer = bench.until_ended(say(bench, f"{turn}. {TALK}"))
        assert [notice["code"] for notice in answer.notices if notice["code"] not in ("folded", "attempt")] == []
        assert "Never mention the word heron." in sent(fake)[-1]


def test_messages_that_are_kept_in_full_alone_are_no_fold(bench: Bench, fake) -> None:
    fake.always(holding())
    id = talk(bench, 6)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        ids, person = queries.ids_to(chat.head_id), chat.owner_id or ""
        for message_id in ids[:6]:
            versions.keep_in_full(db.session.get_one(Message, message_id))
        with pytest.raises(Conflict, match="Nothing to fold"):
            service.fold_now(db.session.get_one(Chat, id), by=person)
        assert folds_on(db.session.get_one(Chat, id), ids[-1]) == []


def test_no_exchange_is_left_out_beside_messages_that_are_kept(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding(says="Yes."))
    id = talk(bench, 13)
    with bench.app.app_context():
        for message_id in queries.ids_to(db.session.get_one(Chat, id).head_id)[:-6:2]:
            versions.keep_in_full(db.session.get_one(Message, message_id))
    answer = bench.until_ended(say(bench, "And?"))
    assert [notice["code"] for notice in answer.notices if notice["code"] != "folded"] == []
    with bench.app.app_context():
        folds = folds_on(db.session.get_one(Chat, id), answer.message_id)
    assert all(fold.text and fold.tokens_before for fold in folds)
    # Each is there, or behind a handle.
    assert all(words_of(turn) in sent(fake)[-1] for turn in range(1, 11))
    assert words_of(13) in sent(fake)[-1] or "4013" in sent(fake)[-1]


def test_an_extract_is_longer_where_its_rules_need_that(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding(says="Yes."))
    rules = [f"Never tell Bob {4_000 + turn} about the colour and shape of the old house at the weir." for turn in range(18)]
    bench.until_ended(bench.ask(f"{rules[0]} {TALK}", person=bench.person(), model=MODEL))
    for rule in rules[1:]:
        bench.until_ended(say(bench, f"{rule} {rule.replace('Bob', 'Ann')} {rule.replace('Bob', 'Eve')} {TALK}"))
    bench.until_ended(say(bench, "And?"))
    assert HEAD.search(sent(fake)[-1])
    assert all(rule in sent(fake)[-1] for rule in rules)
    assert "[Not here" not in sent(fake)[-1]


def test_what_a_person_has_written_is_not_unfolded_with_a_fold_before_it(bench: Bench, fake) -> None:
    fake.always(holding())
    id = talk(bench, 9)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        ids, person = queries.ids_to(chat.head_id), chat.owner_id or ""
        first = service.fold_now(chat, ids[3], by=person).row.id
        second = service.fold_now(db.session.get_one(Chat, id), ids[7], by=person).row.id
        assert [fold.id for fold in folds_on(db.session.get_one(Chat, id), ids[-1])] == [first, second]
        service.edit(db.session.get_one(Chat, id), second, "They spoke of lockers.")
        with pytest.raises(Conflict, match="Unfold that one first"):
            service.unfold(db.session.get_one(Chat, id), first)
        service.unfold(db.session.get_one(Chat, id), second)
        service.unfold(db.session.get_one(Chat, id), first)
        assert folds_on(db.session.get_one(Chat, id), ids[-1]) == []


def test_a_fold_of_another_branch_is_edited_and_unfolded_there(bench: Bench, fake) -> None:
    fake.always(holding())
    id = talk(bench, 7)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        ids, person = queries.ids_to(chat.head_id), chat.owner_id or ""
        fold = service.fold_now(chat, by=person).row.id
        edited = sending.edit(db.session.get_one(Message, ids[2]), "Only this.")
    bench.until_ended(edited.id)
    with bench.app.app_context():
        chat = db.session.get_one(Chat, id)
        assert folds_on(chat, chat.head_id) == []
        service.edit(chat, fold, "They spoke of lockers.")
        assert [one.text for one in folds_on(db.session.get_one(Chat, id), ids[-1])] == ["They spoke of lockers."]
        service.unfold(db.session.get_one(Chat, id), fold)
        assert folds_on(db.session.get_one(Chat, id), ids[-1]) == []
