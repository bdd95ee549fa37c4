"""Whatever comes back from the model that folds: no byte of a chat is lost, no answer stops, and no fold is half."""

import random
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import pytest
from gevent.pool import Pool

from tests.chat.folds.test_bars import CONTEXT, MODEL, Tree, faults_of
from tests.engine.bench import Bench
from tests.support.people import user_with_password
from tests.upstream.fixtures import app
from tests.upstream.handle import FOLD, Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Message, Story
from webapp.engine import generations
from webapp.engine.tables import Generation
from webapp.models.connections import contexts
from webapp.settings.service import set_setting

__all__ = ["app"]
# So many exchanges fill the context: with the most, the first answer needs a fold, and with the least only the one after it.
# With more, what is folded doesn't fit the request for a shorter text, and no model is asked.
LEAST, MOST = 9, 11
AT_ONCE = 8
# More than a chat's messages, each of which has a number that no other chat has.
NUMBERS = 40
SHORT = "They talked about an otter that sleeps below a bridge, and about the numbers of lockers. "
FOREIGN = "Sie sprachen über den Otter, der unter der Brücke schläft und den niemand hört, und über die Fächer. "
THOUGHTS = "Okay, the user wants a short form of this conversation, so let me see what was said. "


def refusal(status: int) -> dict[str, Any]:
    return {"status": status, "headers": {"Retry-After": "3600"}, "json": {"error": {"code": status, "message": "Not now."}}}


FAULTS: dict[str, dict[str, Any]] = {
    "429": refusal(429),
    "500": refusal(500),
    "a page": {"html": "<!doctype html><title>502</title>", "status": 502},
    "empty": {"says": ""},
    "white space": {"says": " \n\n "},
    "reasoning alone": {"says": "", "reasoning": THOUGHTS},
    "reasoning as text": {"says": THOUGHTS},
    "cut": {"says": SHORT, "finish": "length"},
    "another language": {"says": FOREIGN},
    "longer": {"says": "The otter sleeps below the bridge and nobody hears it. " * 400},
    "a broken connection": {"raw": [{"close": "rst"}]},
}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chats", [len(FAULTS), pytest.param(1_000, marks=pytest.mark.deep)])
def test_no_failure_of_a_summary_is_felt(bench: Bench, fake: Upstream, chats: int) -> None:
    people, wrong = prepared(bench), list[str]()
    for place, (words, behaviour) in enumerate(FAULTS.items()):
        fake.reset()
        fake.always({"says": "Yes."})
        fake.always(behaviour, at=FOLD)
        try_one = partial(failures_of, bench, fake, people, words)
        wrong += chain.from_iterable(Pool(AT_ONCE).imap(try_one, range(place, chats, len(FAULTS))))
    assert wrong == []


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(900)
def test_a_model_that_never_ends_is_given_up(bench: Bench, fake: Upstream) -> None:
    people = prepared(bench)
    fake.always({"says": "Yes."})
    fake.always({"steps": [{"hang": True}]}, at=FOLD)
    try_one = partial(failures_of, bench, fake, people, "silence", tries=1, seconds=400)
    assert list(chain.from_iterable(Pool(2 * AT_ONCE).imap(try_one, range(2 * AT_ONCE)))) == []


def prepared(bench: Bench) -> list[str]:
    """Sets a short context and no limits; returns people, each with limits of their own for side requests."""
    with bench.app.app_context():
        contexts.learn(MODEL, CONTEXT)
        for name in ("limits.streams_per_minute", "limits.made_per_minute", "limits.concurrent_streams"):
            set_setting(name, "0")
        return [user_with_password(f"p{number}@example.org", "member").id for number in range(AT_ONCE * 2)]


def failures_of(
    bench: Bench, fake: Upstream, people: list[str], words: str, number: int, *, tries: int = 2, seconds: float = 60
) -> list[str]:
    """Has a chat outgrow its context while folds fail; returns what is not as promised."""
    exchanges, first = random.Random(number).randint(LEAST, MOST), 10_000 + number % 1_000 * NUMBERS
    tree = Tree(bench, people[number % len(people)], number, exchanges=exchanges, first=first)
    with bench.app.app_context():
        before = texts_of(tree)
    tree.ask()
    bench.until(lambda: has_failed(bench, tree, tries), seconds)
    with bench.app.app_context():
        made = texts_of(tree)
    tree.ask()
    with bench.app.app_context():
        return [f"{words} {number}: {what}" for what in wrong_in(tree, fake, {**made, **before})]


def texts_of(tree: Tree) -> dict[str, str]:
    rows = db.session.execute(db.select(Message.id, Message.content).where(Message.chat_id == tree.id))
    return {row.id: row.content for row in rows}


def stories_of(tree: Tree) -> list[Story]:
    return list(db.session.scalars(db.select(Story).where(Story.chat_id == tree.id).order_by(Story.id)))


def has_failed(bench: Bench, tree: Tree, tries: int) -> bool:
    """Returns whether the model was asked as often as it is, and the machine's extract is there."""
    with bench.app.app_context():
        statuses = db.session.scalars(db.select(Generation.status).where(Generation.lane == f"fold:{tree.id}")).all()
        is_quiet = not generations.active_ids(f"fold:{tree.id}")
        return is_quiet and len(statuses) >= tries and bool(stories_of(tree))


def wrong_in(tree: Tree, fake: Upstream, before: dict[str, str]) -> Iterator[str]:
    """Yields what is not as promised in a chat that was asked twice while no model could fold it."""
    now = texts_of(tree)
    yield from (f"message {id} has changed" for id, text in before.items() if now.get(id) != text)
    answers = db.session.scalars(db.select(Generation).where(Generation.lane == f"chat:{tree.id}").order_by(Generation.id)).all()
    ends = [(answer.status, answer.reason, answer.error) for answer in answers]
    if len(ends) != 2 or set(ends) != {("completed", "stop", "")}:
        yield f"answers ended as {ends}"
    ids = [message.id for message in tree.path()]
    for fold in stories_of(tree):
        first = ids.index(fold.first_id) if fold.first_id else 0
        count = ids.index(fold.message_id) + 1 - first
        if (fold.made_by, fold.messages) != ("extract", count) or not 0 < fold.tokens_after < fold.tokens_before:
            yield f"a fold of {count} messages: {fold.made_by}, {fold.messages}, {fold.tokens_before} → {fold.tokens_after}"
    question = tree.path()[-2].content
    sent = next(text for text in map(text_of, fake.posts()) if question in text)
    yield from faults_of(sent, tree)
    if "[fold-" not in sent:
        yield "the prompt has no fold"


def text_of(post: dict[str, Any]) -> str:
    return "\n".join(str(message["content"]) for message in post["body"]["messages"])
