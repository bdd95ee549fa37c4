"""A server that is killed while it folds a chat, in each state: no byte is lost, no fold is half, and the next answer ends."""

import random
import urllib.error
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any
from uuid import uuid4

import gevent
import pytest

from tests.faults.scene import ACTIVE
from tests.support.person import Person
from tests.support.server import Server, prepared
from tests.support.waiting import until
from tests.upstream.handle import FOLD, Upstream

MODEL, CONTEXT = "local/one", "2048"
TALK = "The otter sleeps below the bridge and nobody hears it. " * 15
RULE = "Never mention the word heron."
MOST_TURNS = 12
SHORT = f"They spoke of lockers below a bridge: {', '.join(str(4_000 + turn) for turn in range(MOST_TURNS))}. {RULE}"
CONTENTS = "SELECT id, content FROM messages WHERE chat_id = ? ORDER BY id"
FOLDS = "SELECT first_id, message_id, text, made_by, messages, tokens_before, tokens_after FROM stories WHERE chat_id = ?"
ENDS = "SELECT status, reason FROM generations WHERE lane = ? ORDER BY id"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fake_process: Upstream) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("server"), **fake_process.environ) as server:
        server.lift_limits()
        server.set(**{"models.titles": "off", "context.unknown_tokens": CONTEXT})
        server.start()
        yield server


@pytest.fixture(scope="module")
def owner(server: Server) -> Person:
    owner = Person(server.url).become_owner(server.owner_link)
    assert owner.ask("PATCH", "/me", facts="off").status == 200
    return owner


class Folded:
    """A chat of so many turns that a model is asked for a fold after the last."""

    def __init__(self, server: Server, owner: Person, fake: Upstream) -> None:
        self.server, self.owner, self.fake, self.turns = server, owner, fake, 0
        self.id = owner.begin(self.words(), MODEL).rpartition("/")[2]
        self.until_answered()

    def words(self) -> str:
        self.turns += 1
        return f"{RULE if self.turns == 2 else ''} My locker {self.turns} has the number {4_000 + self.turns}. {TALK}".strip()

    def say(self, words: str, key: str = "") -> bool:
        """Sends a message; returns whether the server has taken it, which it can't say if it is killed meanwhile."""
        try:
            return self.owner.post(f"/chats/{self.id}/messages", message=words, key=key or uuid4().hex).status < 400
        except (urllib.error.URLError, HTTPException, ConnectionError):
            return False

    def until_answered(self) -> None:
        until(lambda: not any(status in ACTIVE for status, _ in self.ends()), "the answer has an end")

    def grow(self, *, is_over: Callable[[], bool]) -> None:
        while not is_over():
            assert self.turns < MOST_TURNS
            assert self.say(self.words())
            self.until_answered()
            # The fold is asked for a moment after the answer.
            gevent.sleep(0.3)

    def kill(self) -> None:
        self.server.kill()
        self.fake.always({"says": SHORT}, at=FOLD)
        self.server.start()

    def ends(self, kind: str = "chat") -> list[tuple[str, str]]:
        return [(status, reason) for status, reason in self.server.rows(ENDS, f"{kind}:{self.id}")]

    def contents(self) -> dict[str, str]:
        return dict(self.server.rows(CONTENTS, self.id))

    def faults(self) -> Iterator[str]:
        """Yields what is not as promised of its folds and of the last request."""
        contents = self.contents()
        ids, covered = list(contents), set[str]()
        for first, last, text, made_by, messages, before, after in self.server.rows(FOLDS, self.id):
            stretch = ids[ids.index(first) if first else 0 : ids.index(last) + 1]
            covered |= {*stretch}
            if made_by not in ("extract", "model") or messages != len(stretch) or not text or not 0 < after < before:
                yield f"a fold of {len(stretch)} messages: {made_by}, {messages}, {before} → {after}, {text[:80]!r}"
            if ids[2] in stretch and RULE not in text:
                yield "its rule is not in the fold"
        sent = "\n".join(str(message["content"]) for message in self.fake.posts()[-1]["body"]["messages"])
        for id, content in list(contents.items())[:-1]:
            if (content in sent) == (id in covered) and content != "Yes.":
                yield f"{content[:60]!r} is {'folded, and sent' if id in covered else 'neither folded nor sent'}"
        if set(self.ends()) != {("completed", "stop")}:
            yield f"answers ended as {self.ends()}"
        if any(status in ACTIVE for status, _ in self.ends("fold")):
            yield "a fold is still made"


def before_the_request(chat: Folded, turns: int, dice: random.Random) -> dict[str, str]:
    while chat.turns < turns:
        assert chat.say(chat.words())
        chat.until_answered()
    gevent.sleep(dice.choice([0, 0.005, 0.02]))
    return chat.contents()


def during_the_request(chat: Folded, _turns: int, _dice: random.Random) -> dict[str, str]:
    chat.grow(is_over=lambda: bool(chat.fake.folds()))
    return chat.contents()


def before_its_text_is_stored(chat: Folded, _turns: int, dice: random.Random) -> dict[str, str]:
    before = during_the_request(chat, 0, dice)
    chat.fake.goes_on()
    gevent.sleep(dice.uniform(0, 0.03))
    return before


def while_an_answer_waits_for_it(chat: Folded, _turns: int, dice: random.Random) -> dict[str, str]:
    before = during_the_request(chat, 0, dice)
    # Too long to be sent beside what isn't folded yet.
    words, key = f"{chat.words()} {TALK * 3}", uuid4().hex
    sending = gevent.spawn(chat.say, words, key)
    gevent.sleep(dice.uniform(0.2, 0.6))
    assert not sending.ready()
    chat.kill()
    assert not sending.get(timeout=30)
    # Sent again by their page, with the same key.
    assert chat.say(words, key)
    chat.until_answered()
    return before


STATES = (while_an_answer_waits_for_it, before_the_request, during_the_request, before_its_text_is_stored)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kills", [1, pytest.param(44, marks=pytest.mark.deep)])
def test_a_kill_leaves_no_half_fold(server: Server, owner: Person, fake: Upstream, kills: int) -> None:
    turns, made = 0, list[Any]()
    for number in range(kills):
        state, dice = STATES[number % len(STATES)], random.Random(number)
        fake.reset()
        fake.always({"says": "Yes."})
        fake.always({"says": SHORT, "holds": [0]}, at=FOLD)
        chat = Folded(server, owner, fake)
        before = state(chat, turns, dice)
        turns = chat.turns if state is during_the_request else turns or chat.turns - 1
        if state is not while_an_answer_waits_for_it:
            chat.kill()
        assert before.items() <= chat.contents().items()
        assert chat.say(chat.words())
        chat.until_answered()
        until(lambda chat=chat: not any(status in ACTIVE for status, _ in chat.ends("fold")), "no fold is written")
        assert list(chat.faults()) == [], f"kill {number}, {state.__name__}"
        assert before.items() <= chat.contents().items()
        made += server.rows(FOLDS, chat.id)
    assert len(made) >= kills * 3 // 4
