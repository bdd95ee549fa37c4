"""Reasoning and answer in one text are separated the same way, however the text is chunked."""

from collections.abc import Callable

import pytest

from tests.models.providers.canned import Canned
from tests.models.providers.received import collect, request_for
from tests.models.providers.test_framing import stream_of
from tests.support.rounds import ROUNDS
from webapp.models.providers.base import Reply
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.providers.reasoning import ANSWERS, MOST_BLANKS, THOUGHTS, Mode, Splitter, split, split_whole
from webapp.streaming.events import Delta, Ended, Reasoning, Started, Text
from webapp.streaming.stop import Stop

Parts = tuple[str, str]
# A reply and the part of it that is the answer, for each format of reasoning.
BODIES = (
    ("Water flows downhill.", "Water flows downhill."),
    ("The tag <think> begins a thought, </think> ends it.", "The tag <think> begins a thought, </think> ends it."),
    ("1 < 2 and [T] is no tag <", "1 < 2 and [T] is no tag <"),
    ("```\n<think>\n```\n", "```\n<think>\n```\n"),
    ("Über ◁ alles — ja.", "Über ◁ alles — ja."),
    ("", ""),
)
SAMPLES = [
    (f"{lead}{tags.opening}\nIs a < b? Perhaps.\n\n{tags.closing}\n\n{body}", (text, "Is a < b? Perhaps."))
    for tags in THOUGHTS
    for lead, (body, text) in zip(("", "\n", "", " ", "", ""), BODIES, strict=True)
]
ONLY_TEXT = (
    "`<think>` is what some models say first.",
    "A <think> in the middle </think> stays.",
    "<b>bold</b> and <thin air",
    "<thi",
    "  Here is my opinion.",
    "[THIN]",
    " " * (MOST_BLANKS + 1) + "<think>late</think>",
)


def parts(pieces: list[str], *, is_open: bool = False) -> Parts:
    splitter = Splitter(is_open=is_open)
    told: list[Text] = [event for piece in pieces for event in splitter.feed(piece)]
    told += splitter.finish()
    return _text(told, Delta), _text(told, Reasoning)


def _text(events: list[Text], kind: type[Text]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


@pytest.mark.mostly_slow
@pytest.mark.rounds
@pytest.mark.parametrize(("sample", "expected"), SAMPLES)
def test_a_thought_is_taken_apart_at_every_cut(sample: str, expected: Parts) -> None:
    assert parts(list(sample)) == expected
    for first in range(len(sample) + 1):
        # Each place is cut first, with every third of the places behind it in a single round.
        for second in range(first, len(sample) + 1, 1 if ROUNDS > 1 else 3):
            assert parts([sample[:first], sample[first:second], sample[second:]]) == expected


@pytest.mark.parametrize("sample", ONLY_TEXT)
def test_text_that_talks_about_tags_stays_text(sample: str) -> None:
    for cut in range(min(len(sample), 99) + 1):
        assert parts([sample[:cut], sample[cut:]]) == (sample, "")


@pytest.mark.parametrize("tags", ANSWERS)
def test_tags_around_the_answer_go_with_the_thought(tags: type) -> None:
    sample = f"<think>why</think>\n{tags.opening}Yes, {tags.closing} twice.\n{tags.closing}\n"
    for cut in range(len(sample) + 1):
        assert parts([sample[:cut], sample[cut:]]) == (f"Yes, {tags.closing} twice.\n", "why")


def test_without_a_thought_they_are_text() -> None:
    assert parts(["<answer>Yes</answer>"]) == ("<answer>Yes</answer>", "")


def test_an_answer_may_begin_within_a_thought() -> None:
    for cut in range(20):
        sample = "Hm, why?\n</think>\n\nYes."
        assert parts([sample[:cut], sample[cut:]], is_open=True) == ("Yes.", "Hm, why?")


def test_a_thought_that_never_ends_is_a_thought() -> None:
    assert parts(["<think>", "round and round ", "<"]) == ("", "round and round <")


def test_blanks_without_end_are_not_held_back() -> None:
    splitter = Splitter()
    assert not splitter.feed("<think>a")[1:]
    held = sum(len(event.text) for _ in range(100) for event in splitter.feed(" " * 1000))
    assert held == 100_000 - MOST_BLANKS


def test_a_server_that_keeps_them_apart_is_left_alone() -> None:
    events = [Started("m", "p"), Reasoning("why"), Delta("<think>text</think>"), Ended("completed", "stop")]
    assert list(split(iter(events), "auto")) == events


def test_what_is_held_back_comes_before_the_end() -> None:
    events = [Started("m", "p"), Delta("<thi"), Ended("completed", "stop")]
    assert list(split(iter(events), "auto")) == events


@pytest.mark.parametrize(("mode", "expected"), [("auto", ("Yes.", "why")), ("off", ("<think>why</think>Yes.", ""))])
def test_a_streamed_reply_is_taken_apart_wherever_it_is_cut(new_stop: Callable[[], Stop], mode: Mode, expected: Parts) -> None:
    stream = stream_of(list("<think>why</think>Yes."))
    for at in range(0, len(stream), 7):
        received = collect(provider(Canned(stream[:at], stream[at:]), mode).stream(request_for(), new_stop()))
        assert (received.text, received.reasoning) == expected, at


def test_what_was_held_back_comes_when_the_reply_breaks_off(new_stop: Callable[[], Stop]) -> None:
    stream = stream_of(["Yes", " <th"]).partition(b'data: {"choices": [{"delta": {}')[0]
    received = collect(provider(Canned(stream, breaks=True), "auto").stream(request_for(), new_stop()))
    assert (received.text, received.end) == ("Yes <th", "cut")
    stream = stream_of(["<th"]).partition(b'data: {"choices": [{"delta": {}')[0]
    assert collect(provider(Canned(stream, breaks=True), "auto").stream(request_for(), new_stop())).text == "<th"


def test_a_reply_in_one_piece_is_taken_apart() -> None:
    reply = Reply("<think>why</think>Yes.", "", None, "stop", "m")
    assert split_whole(reply, "auto") == Reply("Yes.", "why", None, "stop", "m")
    assert split_whole(reply, "off") == reply


def provider(canned: Canned, mode: Mode) -> OpenAIProvider:
    return OpenAIProvider("canned", "http://canned/v1", "", canned, reasoning_tags=mode)  # type: ignore[arg-type]
