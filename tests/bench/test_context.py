"""`flask bench context`: its model knows nothing but what it was sent, and a small run of it holds the bars of long chats."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from bench import context
from bench.context_model import MOST_LOOKS, READING, RECALL, UNKNOWN, Model, Progress, Reply, _cached, _handles_for, _next_reply
from bench.context_world import ASKED, LANGUAGES, RUN_ROUNDS, Conversation, Plan, conversations

PLAN = Plan(seed=1, chats=2, runs=1, contexts=(8_192,), turns=40)
CHAT, _, RUN = conversations(PLAN)
FOLD = "[fold-3: 12 messages]\nPerson: It was quiet."


def begun(conversation: Conversation, turn: int) -> Progress:
    return Progress(conversation, turn=turn)


def text_to(turn: int) -> str:
    """Returns all that was said in the chat, down to what the person says in this turn."""
    said = [text for turn in CHAT.turns[:turn] for text in (turn.text, turn.answer)]
    return "\n".join([*said, CHAT.turns[turn].text])


def test_a_seed_always_says_the_same() -> None:
    assert [*conversations(PLAN)] == [*conversations(Plan.read(str(PLAN)))]
    assert [*conversations(PLAN)] != [*conversations(replace(PLAN, seed=2))]


def test_a_conversation_says_each_thing_once_and_asks_for_it_at_the_end() -> None:
    openings = [turn.opening for conversation in conversations(PLAN) for turn in conversation.turns]
    assert len({*openings}) == len(openings)
    for conversation in conversations(replace(PLAN, chats=len(LANGUAGES))):
        said = [f"{turn.text} {turn.answer}" for turn in conversation.turns]
        said += [page.text for turn in conversation.turns for pages in turn.rounds for page in pages]
        assert all(sum(needle.sentence in text for text in said) == 1 for needle in conversation.needles)
        assert sum(len(turn.rules) for turn in conversation.turns) > 1
    assert len([turn for turn in CHAT.turns if turn.asks]) == ASKED
    assert len(RUN.turns[0].rounds) == RUN_ROUNDS[0]


def test_a_rule_is_kept_only_if_it_was_sent() -> None:
    turn = len(CHAT.turns) - 1
    rules = CHAT.rules_at(turn)
    everything, nothing = text_to(turn), CHAT.turns[turn].text
    kept, broken = (_next_reply(begun(CHAT, turn), text, set()).text for text in (everything, nothing))
    assert all(rule.is_kept_in(kept) for rule in rules)
    assert not any(rule.is_kept_in(broken) for rule in rules)


def test_what_was_not_sent_is_not_known() -> None:
    turn = len(CHAT.turns) - 1
    (needle,) = CHAT.turns[turn].asks
    progress = begun(CHAT, turn)
    assert f"{needle.key}: {UNKNOWN}" in _next_reply(progress, CHAT.turns[turn].text, set()).text
    assert progress.heard.missed == [needle.sentence]
    assert f"{needle.key}: {needle.value}" in _next_reply(begun(CHAT, turn), text_to(turn), set()).text


def test_it_looks_behind_a_handle_before_it_gives_up() -> None:
    turn = len(CHAT.turns) - 1
    (needle,) = CHAT.turns[turn].asks
    progress = begun(CHAT, turn)
    asked = f"{FOLD}\n{CHAT.turns[turn].text}"
    assert _next_reply(progress, asked, {RECALL}) == Reply("", ((RECALL, {"handle": "fold-3", "about": needle.key}),))
    found = _next_reply(progress, f"{asked}\n{needle.sentence}", {RECALL})
    assert f"{needle.key}: {needle.value}" in found.text
    assert (progress.heard.recalled, progress.heard.direct, progress.heard.looks) == (1, 0, 1)
    assert progress.looks[needle.key] < MOST_LOOKS


@pytest.mark.parametrize("line", ["[fold-7: Read the page “{page}”, 3 100 characters. recall opens it]", "fold-7: Read “{page}”"])
def test_a_line_that_names_a_page_is_opened_first(line: str) -> None:
    needle = RUN.needles[0]
    assert _handles_for(needle, f"{FOLD}\n{line.format(page=needle.page)}") == ["fold-7", "fold-3"]


def test_a_run_reads_its_pages_in_rounds() -> None:
    progress, turn = begun(RUN, 0), RUN.turns[0]
    for pages in turn.rounds:
        assert [arguments["page"] for _, arguments in _next_reply(progress, turn.text, {READING}).calls] == [
            page.name for page in pages
        ]
    assert not _next_reply(progress, turn.text, {READING}).calls


def test_a_cache_has_what_an_earlier_request_began_with() -> None:
    pieces: set[bytes] = set()
    assert _cached(b"a" * 640, pieces) == 0
    assert _cached(b"a" * 640 + b"b" * 640, pieces) == 640
    assert _cached(b"a" * 320 + b"c" * 640, pieces) == 320


class Sink:
    """What a model has written to a connection."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, content: bytes) -> None:
        self.text += content.decode()

    async def drain(self) -> None:
        pass


def test_a_summary_has_every_rule_of_its_chat() -> None:
    sink, asked = Sink(), {"messages": [{"role": "user", "content": text_to(20)}]}
    asyncio.run(Model(PLAN)._summarize(sink, asked))  # type: ignore[arg-type]  # it only writes
    content = json.loads(sink.text.partition("\r\n\r\n")[2])["choices"][0]["message"]["content"]
    assert all(rule.text in content for rule in CHAT.rules_at(20))
    assert len(content) < len(text_to(20)) / 2


def line(**change: Any) -> context.Line:
    heard = {"direct": 9, "recalled": 1, "missed": [], "sent_tokens": 30, "everything_tokens": 100, "requests": 1}
    heard |= {"chars": 100, "cached_chars": 90, "refused": 0, "came": {"0": [1.5, True]}, "between": [], **change}
    seen = context.Seen(CHAT, asked_at=[1.0], answers=1, kept=10, rules=change.get("rules", 10), errors=change.get("errors", []))
    return context.Line("chats", [seen], [heard])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"rules": 11}, "rules not kept"),
        ({"missed": ["The locker."]}, "needles not found"),
        ({"errors": ["turn 3: failed"]}, "answers that ended in an error"),
        ({"cached_chars": 70}, "input that no cache has"),
        ({"sent_tokens": 7_000, "everything_tokens": 19_000}, "input tokens beside sending everything"),
    ],
)
def test_each_fault_breaks_its_bar(change: dict[str, Any], words: str | None) -> None:
    broken = [bar.words for bar in context.judged([line(**change)]).bars if not bar.holds]
    assert broken == ([f"chats: {words}"] if words else [])


def test_what_folds_cost_is_what_requests_with_new_ones_wait_longer() -> None:
    assert line(came={"0": [1.5, True]}, between=[[0.1, False], [0.1, False]]).lost_ms == pytest.approx((400, 400))
    assert line(came={"0": [1.5, False]}).lost_ms == (0, 0)


@pytest.mark.slow
def test_long_chats_and_runs_hold_the_bars() -> None:
    lines, _ = context.measured(PLAN)
    assert [line.name for line in lines] == ["8k chats", "8k runs"]
    assert all(line.folds for line in lines)
    assert [bar.line() for bar in context.judged(lines).bars if not bar.holds] == []
