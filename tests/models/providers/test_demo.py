"""The demo: deterministic, never calls a server, stops immediately, and fails in every way on request."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest

from tests.models.providers.received import collect, request_for
from tests.support.source import ROOT
from tests.support.speed import takes_at_most
from webapp.base import catalogues, languages
from webapp.models.providers import demo_texts
from webapp.models.providers.base import AttachedImage, ModelRequest, ProviderError, Turn
from webapp.models.providers.demo import MODELS, DemoProvider, answer
from webapp.streaming.events import Started, Usage
from webapp.streaming.stop import Stop

WHOLE = ["quick", "thoughtful", "long", "code", "tools", "slow", "verbose", "fenced", "wrong-types", "echo"]


@pytest.fixture
def demo() -> DemoProvider:
    return DemoProvider(pace=0)


@pytest.mark.parametrize("name", WHOLE)
def test_it_says_the_same_every_time(demo: DemoProvider, new_stop: Callable[[], Stop], name: str) -> None:
    request = request_for("What is Millrace?", model=f"demo/{name}")

    first, second = (collect(demo.stream(request, new_stop())) for _ in range(2))

    assert first.events == second.events
    assert first.events[0] == Started(f"demo/{name}", "demo", demo=True)
    assert first.text == answer(request)
    assert first.end == "stop"
    assert isinstance(first.usage, Usage)
    assert first.usage.cost == "0"


@pytest.mark.parametrize("name", WHOLE)
def test_it_goes_on_exactly(demo: DemoProvider, new_stop: Callable[[], Stop], name: str) -> None:
    request = request_for("How do I add a key?", model=f"demo/{name}")
    whole = answer(request)
    for at in range(0, len(whole), 1 + len(whole) // (40 if len(whole) < 20_000 else 4)):
        begun = ModelRequest(request.model, (*request.turns, Turn("assistant", whole[:at])), is_continuation=True)
        received = collect(demo.stream(begun, new_stop()))
        assert whole[:at] + received.text == whole
        assert not received.reasoning
    for words in (whole, "Nothing that it says"):
        begun = ModelRequest(request.model, (*request.turns, Turn("assistant", words)), is_continuation=True)
        assert collect(demo.stream(begun, new_stop())).text.startswith("\n\nA real model would continue from here.")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Hello", demo_texts.GREETING),
        ("Good morning, you", demo_texts.GREETING),
        ("", demo_texts.GREETING),
        ("What is Millrace?", demo_texts.WHAT_IT_IS),
        ("how do I  add an API key", demo_texts.ADD_A_KEY),
        ("What happens when I close the tab?", demo_texts.CLOSING_THE_TAB),
        ("How do I stop an answer?", demo_texts.STOPPING),
        ("What does it cost?", demo_texts.COST),
        ("Is my data private?", demo_texts.PRIVACY),
        ("Which model is this, who are you?", demo_texts.WHO_I_AM),
        ("Thank you", demo_texts.THANKS),
    ],
)
def test_it_knows_a_few_things(question: str, text: str) -> None:
    assert answer(request_for(question, model="demo/quick")) == text


@pytest.mark.parametrize("question", ["Good pasta recipes?", "Tell me about Paris", "Which keyboard is best?"])
def test_it_admits_what_it_does_not_know(question: str) -> None:
    text = answer(request_for(question, model="demo/quick"))

    assert f"> {question}" in text
    assert "only the demo" in text


LEASE = """\
rental.pdf
```pdf
# Rental agreement

- The lease begins in May. The deposit is 900 euros.
You can cancel it at any time.
```"""
STARTER = "Explain the attached file to me: what it is, what it says, and what matters most in it.{question}\n\n" + LEASE


@pytest.mark.parametrize(
    ("message", "quoted", "not_quoted"),
    [
        (STARTER.format(question=""), "“rental.pdf” begins like this:\n\n- The lease begins in May.\n- The deposit", "Rental"),
        (
            STARTER.format(question="\n\nWhat I want to know:\nHow large is the deposit?"),
            "says:\n\n- The deposit is 900 euros.",
            "May",
        ),
        (f"Does it allow dogs?\n\n{LEASE}", "Nothing in “rental.pdf” fits your question. It begins like this:", "Rental"),
        (LEASE, "“rental.pdf” begins like this:", "Rental"),
        (
            f"When does it begin, and the deposit?\n\n{LEASE}\n\nb.txt\n````txt\nA deposit box.\n````",
            "“b.txt” says:\n\n- A deposit",
            "````",
        ),
        ("What is in it?\n\nnotes.md\n```md\nThe price is low.\n```", "- The price is low.", demo_texts.COST),
        ("Explain it\n\n__init__.py\n```py\n\n```", "I found no text in “\\_\\_init\\_\\_.py”.", "```"),
        ("Explain it\n\na.txt\n```txt\nNever closed.", "- Never closed.", "```"),
    ],
)
def test_it_answers_from_what_is_attached_and_never_shows_its_fence(message: str, quoted: str, not_quoted: str) -> None:
    text = answer(request_for(message, model="demo/quick"))

    assert quoted in text
    assert not_quoted not in text
    assert "```" not in text
    assert "only the demo" in text


def test_it_answers_from_what_was_attached_earlier_only_if_that_fits() -> None:
    assert "- The deposit is 900 euros." in answer(request_for(LEASE, "Read.", "And the deposit?", model="demo/quick"))
    assert answer(request_for(LEASE, "Read.", "What is Millrace?", model="demo/quick")) == demo_texts.WHAT_IT_IS
    assert "> Sing a song" in answer(request_for(LEASE, "Read.", "Sing a song", model="demo/quick"))


def test_it_reads_a_message_of_openings_once() -> None:
    with takes_at_most(5):
        assert "only the demo" in answer(request_for("a.b\n```b\n" * 20_000, model="demo/quick"))


@pytest.mark.parametrize("pictures", [(), (AttachedImage("image/png", Path("mill.png"), "mill.png"),)])
def test_it_says_that_it_does_not_look_at_pictures(pictures: tuple[AttachedImage, ...]) -> None:
    words = "What is this?" if pictures else "What is this?\n\n[Image: mill.png]"
    text = answer(ModelRequest("demo/quick", (Turn("user", words, pictures),)))

    assert text == demo_texts.PICTURES
    with_file = answer(ModelRequest("demo/quick", (Turn("user", f"{LEASE}\n\n{words}", pictures),)))
    assert "The lease begins" in with_file
    assert with_file.endswith(text)


def test_it_never_shouts() -> None:
    shown = [value for name, value in vars(demo_texts).items() if isinstance(value, str) and not name.startswith("_")]

    assert not any("!" in text for text in shown)


def test_braces_of_the_person_do_no_harm() -> None:
    assert "> {0} {question} {" in answer(request_for("{0} {question} {", model="demo/quick"))


def test_it_thinks_first(demo: DemoProvider, stop: Stop) -> None:
    received = collect(demo.stream(request_for("What is Millrace?", model="demo/thoughtful"), stop))

    kinds = [type(event).__name__ for event in received.events]
    assert "4 words" not in received.text
    assert "3 words" in received.reasoning
    assert kinds.index("Delta") > max(at for at, kind in enumerate(kinds) if kind == "Reasoning")


def test_the_long_one_is_long() -> None:
    assert 1300 < len(answer(request_for(model="demo/long")).split()) < 1700
    assert len(answer(request_for(model="demo/verbose")).split()) > 20_000


def test_a_limit_is_kept(demo: DemoProvider, stop: Stop) -> None:
    received = collect(demo.stream(request_for("Hello", model="demo/quick", max_tokens=5), stop))

    assert len(received.text.split()) == 5
    assert received.end == "length"


def test_a_stop_ends_it_at_once(stop: Stop) -> None:
    began = time.monotonic()
    gevent.spawn_later(0.05, stop.request, "user")
    received = collect(DemoProvider(pace=0.01).stream(request_for(model="demo/long"), stop))

    assert not received.end
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("seconds", [0, 30])
def test_a_stop_is_heard_before_the_first_word(stop: Stop, seconds: float) -> None:
    gevent.spawn_later(0.05, stop.request, "user")
    received = collect(DemoProvider(pace=seconds).stream(request_for(model="demo/stall"), stop))

    assert received.text in ("", demo_texts.STALLED)
    assert not received.end


def test_one_breaks_off_and_can_go_on(demo: DemoProvider, new_stop: Callable[[], Stop]) -> None:
    request = request_for("What is Millrace?", model="demo/truncated")
    received = collect(demo.stream(request, new_stop()))
    assert received.end == "cut"
    assert 0 < len(received.text) < len(demo_texts.WHAT_IT_IS)

    begun = ModelRequest(request.model, (*request.turns, Turn("assistant", received.text)), is_continuation=True)
    rest = collect(demo.stream(begun, new_stop()))
    assert (received.text + rest.text, rest.end) == (demo_texts.WHAT_IT_IS, "stop")


def test_one_turns_into_nonsense(demo: DemoProvider, stop: Stop) -> None:
    received = collect(demo.stream(request_for(model="demo/malformed"), stop))

    assert (received.text, received.end) == (demo_texts.MALFORMED, "invalid")


def test_one_asks_to_wait(demo: DemoProvider, stop: Stop) -> None:
    received = collect(demo.stream(request_for(model="demo/rate-limited"), stop))

    assert received.failure
    assert (received.end, received.failure.retryable, received.failure.retry_after, received.events) == ("rate", True, 2.0, [])


def test_one_fails_every_other_time(demo: DemoProvider, new_stop: Callable[[], Stop]) -> None:
    odd, even = request_for("What is Millrace?", model="demo/flaky"), request_for("Hello you", model="demo/flaky")

    assert [collect(demo.stream(odd, new_stop())).end for _ in range(4)] == ["error", "stop", "error", "stop"]
    assert collect(demo.stream(even, new_stop())).end == "stop"


def test_one_puts_json_in_a_fence() -> None:
    text = answer(request_for(model="demo/fenced"))

    assert json.loads(text.partition("```json")[2].partition("```")[0]) == demo_texts.PLAN


def test_one_mixes_up_types() -> None:
    assert json.loads(answer(request_for(model="demo/wrong-types"))) == demo_texts.WRONG_TYPES


def test_one_repeats_what_it_was_asked() -> None:
    request = ModelRequest("demo/echo", (Turn("system", "Be kind."), Turn("user", "Grüße")), temperature=0.5)

    echoed = json.loads(answer(request))

    assert [Turn(**turn) for turn in echoed["turns"]] == list(request.turns)
    seen = ModelRequest("demo/echo", (Turn("user", "See", (AttachedImage("image/png", Path("file")),)),))
    assert json.loads(answer(seen))["turns"] == [{"role": "user", "content": "See", "pictures": ["image/png"]}]
    assert echoed["temperature"] == 0.5


def test_an_unknown_model_is_refused(demo: DemoProvider, stop: Stop) -> None:
    assert collect(demo.stream(request_for(model="demo/other"), stop)).end == "invalid"


def test_it_answers_in_one_piece_too(demo: DemoProvider, stop: Stop) -> None:
    reply = demo.complete(request_for("What is Millrace?", model="demo/thoughtful"), stop)

    assert (reply.text, reply.reason) == (demo_texts.WHAT_IT_IS, "stop")
    assert reply.reasoning
    assert reply.usage


def test_a_stopped_piece_is_an_error(demo: DemoProvider, stop: Stop) -> None:
    stop.request("user")

    with pytest.raises(ProviderError):
        demo.complete(request_for(model="demo/quick"), stop)


def test_only_some_models_are_shown() -> None:
    shown = [model.id for model in MODELS if not model.hidden]

    assert shown == ["demo/quick", "demo/thoughtful", "demo/long", "demo/code", "demo/tools"]
    assert len(MODELS) == 15


@pytest.mark.parametrize(
    ("prompt", "begins"),
    [
        ("Hallo!", "Hallo und willkommen"),
        ("Was kostet das?", "Ich koste nichts"),
        ("Kannst du mir bei einem Brief helfen?", "Du hast gefragt:"),
        ("What was the question?", "You asked:"),
        ("Tell me about the wheel", "You asked:"),
    ],
)
def test_it_answers_in_the_language_of_the_question(
    tmp_path: Path, prompt: str, begins: str, new_stop: Callable[[], Stop]
) -> None:
    catalogues.compile_all([ROOT / "languages/de.po"], tmp_path)
    languages.load(tmp_path)
    try:
        asked = request_for(prompt, model="demo/quick")
        text = collect(DemoProvider(pace=0).stream(asked, new_stop())).text
    finally:
        languages.load(tmp_path / "none")
    assert text.startswith(begins)
    # So it continues in it after a restart, which doesn't know who asked.
    assert languages.current().code == languages.ENGLISH
