"""A chat that outgrows its model's context is answered with what fits, whichever engine refuses it."""

from typing import Any

import pytest

from tests.engine.bench import Bench
from tests.tools.test_recovery import Counter, counting
from tests.upstream.contexts import ENGINES
from webapp.base.db import db
from webapp.chat.messages import sending
from webapp.chat.record.tables import Chat
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.tools.tool import READS, Result

TURNS = 9
TALK = "The otter that lives below the bridge has three children. " * 40
# A list without context lengths, as many local servers have it.
SILENT: dict[str, Any] = {"json": {"data": [{"id": "local/one"}]}}


def holding(tokens: int, engine: str, **speech: Any) -> dict[str, Any]:
    return {"context": {"tokens": tokens, "as": engine}, "says": f"Yes. {TALK}", **speech}


def turns(bench: Bench, count: int, *, tools: list[str] | None = None) -> list[Generation]:
    """Has a chat of so many turns, and returns its answers."""
    person = bench.person()
    id = bench.ask(f"1. {TALK}", person=person, model="local/one", tools=tools or [])
    answers = [bench.until_ended(id)]
    for number in range(2, count + 1):
        with bench.app.app_context():
            chat = db.session.scalars(db.select(Chat)).one()
            id = sending.ask(chat, f"{number}. {TALK}").id
        answers.append(bench.until_ended(id))
    return answers


def lines(answer: Generation) -> list[str]:
    return [notice["message"] for notice in answer.notices]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_no_turn_of_a_long_chat_fails(bench: Bench, fake, engine: str) -> None:
    fake.always(holding(4096, engine))

    answers = turns(bench, TURNS)

    assert [answer.status for answer in answers] == ["completed"] * TURNS
    refused = len(fake.posts()) - TURNS
    # What was learned is used from then on.
    assert refused <= (1 if engine != "ollama" else 3)
    left_out = [answer for answer in answers if any("not sent" in line or "left out" in line for line in lines(answer))]
    assert not left_out
    assert "[fold-" in str(fake.posts()[-1]["body"]["messages"])
    assert fake.posts()[-1]["body"]["messages"][-1]["content"].startswith(f"{TURNS}. ")


@pytest.mark.slow
def test_what_was_learned_survives_a_restart(make_app, bench: Bench, fake) -> None:
    fake.always(holding(4096, "llama.cpp"))
    turns(bench, 8)
    with Bench(make_app(**fake.environ)).app.app_context():
        assert the_models().known("local/one").context_length == 4096


@pytest.mark.slow
def test_it_is_continued_and_tried_again(bench: Bench, fake) -> None:
    fake.always(holding(4096, "openai"))
    last = turns(bench, 4)[-1]
    # Learned, and forgotten: the next two are refused first.
    fake.always(holding(1024, "openai", finish="length"))
    with bench.app.app_context():
        again = sending.regenerate(bench.message(last.id))
    again = bench.until_ended(again.id)
    assert (again.status, again.reason) == ("completed", "length")
    assert "[fold-" in str(fake.posts()[-1]["body"]["messages"])

    fake.always(holding(600, "llama.cpp", says="And so on."))
    before = bench.message(again.id).content
    with bench.app.app_context():
        continued = sending.continue_answer(bench.message(again.id))
    continued = bench.until_ended(continued.id)

    assert continued.status == "completed"
    assert bench.message(continued.id).content == f"{before}And so on."


@pytest.mark.slow
def test_the_rounds_of_a_run_fit(bench: Bench, fake) -> None:
    class Long(Counter):
        def _run(self, _context: Any, arguments: Any) -> Result:
            self.done.append(arguments["what"])
            return Result("word " * 4_000)

    counter = Long(READS).offered(bench)
    rounds = [{"calls": [counting(name), counting(f"{name} too")]} for name in ("one", "two", "three", "four")]
    fake.always({"context": {"tokens": 8192, "as": "vllm"}, "rounds": [*rounds, {"says": "Good."}]})

    answer = bench.until_ended(bench.ask("Count.", person=bench.person(), model="local/one", tools=["count"]))

    assert (answer.status, bench.message(answer.id).content) == ("completed", "Good.")
    assert len(counter.done) == 8
    assert len(fake.posts()) == 6
    # What is folded can be opened again, so nothing is said to be missing.
    assert lines(answer) == []


def test_one_message_that_is_too_long_says_so(bench: Bench, fake) -> None:
    fake.always(holding(256, "llama.cpp"))
    (answer,) = turns(bench, 1)
    assert (answer.status, answer.reason) == ("failed", "invalid")
    assert answer.error.startswith("This message alone, with its instructions and files, doesn't fit the context of")
    assert len(fake.posts()) == 1
