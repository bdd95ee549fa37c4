"""A run whose results fill its model's context: they are folded to lines, which the model opens again."""

import re
from typing import Any

import pytest

from tests.engine.bench import Bench
from tests.support.marks import on_both_databases
from tests.tools.test_recovery import Counter, calls_in, counting, die
from tests.upstream.fixtures import app
from webapp.models.connections import contexts
from webapp.settings.service import set_setting
from webapp.tools.recall import Folded, recall_offer
from webapp.tools.tool import READS, Result

__all__ = ["app"]
pytestmark = pytest.mark.slow
MODEL, CONTEXT = "local/one", 8192
LINE = re.compile(r"\[fold-(\d+): Counted .*, 2\d 000 characters\. recall opens it\]")


class Long(Counter):
    """Returns twenty thousand characters, with a number that only that result has."""

    def _run(self, _context: Any, arguments: Any) -> Result:
        self.done.append(arguments["what"])
        text = f"The number of {arguments['what']} is {needle(arguments['what'])}. "
        return Result((text + "The otter sleeps. " * 2_000)[:20_000])


def needle(what: str) -> int:
    return 7_000 + sum(map(ord, what))


def holding(behaviour: dict[str, Any]) -> dict[str, Any]:
    return {"context": {"tokens": CONTEXT, "as": "vllm"}, **behaviour}


def known(bench: Bench, tokens: int = CONTEXT) -> None:
    """Has what the model's context holds known before the run."""
    with bench.app.app_context():
        contexts.learn(MODEL, tokens)
        set_setting("tools.rounds", "100")


def asked(bench: Bench) -> str:
    return bench.ask("Count.", person=bench.person(), model=MODEL, tools=["count"])


def recalling(handle: str, **more: Any) -> dict[str, Any]:
    return {"tool": "recall", "arguments": {"handle": handle, **more}}


def results(request: dict[str, Any]) -> list[str]:
    return [message["content"] for message in request["messages"] if message["role"] == "tool"]


def test_a_run_of_twenty_long_results_ends(bench: Bench, fake) -> None:
    known(bench)
    counter = Long(READS).offered(bench)
    rounds = [{"calls": [counting(f"thing {number}")]} for number in range(20)]
    fake.behaves([holding(round) for round in [*rounds, {"says": "Good."}]])

    answer = bench.until_ended(asked(bench))

    assert (answer.status, bench.message(answer.id).content, answer.notices) == ("completed", "Good.", [])
    assert len(counter.done) == 20
    assert len(fake.posts()) == 21
    first, last = fake.posts()[0]["body"], fake.posts()[-1]["body"]
    assert [tool["function"]["name"] for tool in first["tools"]] == ["count"]
    assert [tool["function"]["name"] for tool in last["tools"]] == ["count", "recall"]
    *used, newest = results(last)
    assert [LINE.fullmatch(line) is not None for line in used] == [True] * 19
    assert newest.startswith("The number of thing 19 is")
    assert re.search(r'\n\[fold-20: \d \d{3} of 20 000 characters; recall\("fold-20", part=\d\) goes on\]$', newest)
    calls = calls_in(bench)
    assert [call.fold["number"] for call in calls] == list(range(1, 21))
    assert {len(call.text) for call in calls} == {20_000}


@on_both_databases
def test_rounds_that_fill_the_context_with_lines_become_one_text(bench: Bench, fake) -> None:
    known(bench)
    with bench.app.app_context():
        set_setting("tools.calls", "100")
        set_setting("tools.chars", "0")
    Long(READS).offered(bench)
    rounds = [{"calls": [counting(f"thing {number}")], "says": f"Now {number}."} for number in range(60)]
    fake.behaves([holding(round) for round in [*rounds, {"says": "Good."}]])

    answer = bench.until_ended(asked(bench), 60)

    assert (answer.status, answer.notices, len(fake.posts())) == ("completed", [], 61)
    messages = fake.posts()[-1]["body"]["messages"]
    question, *lines = messages[0]["content"].split("\n")
    assert question == "Count."
    assert re.fullmatch(r"\[fold-\d+: \d+ rounds\. recall opens it\]", lines[1])
    folded = "\n".join(lines)
    sent = "\n".join(str(message["content"]) + str(message.get("tool_calls")) for message in messages)
    # Each call is there by its handle, and what was said, wherever it stands.
    for number in range(60):
        assert f"thing {number}" in sent
        assert f"Now {number}." in sent
    assert "Said: Now 0." in folded


def test_what_is_looked_for_comes_in_whole_sentences() -> None:
    talk = "The otter sleeps below the bridge. " * 30
    said = "The keeper of Lamakire is called Beposeli."
    for pad in range(40):
        folded = Folded("30 messages", f"{'x ' * pad}{talk[:480]} bridge. {said} {talk}", 16_000)
        offer = recall_offer((), lambda _number, folded=folded: folded)
        first = offer.tool.run(None, {"handle": "fold-1", "about": "Lamakire"}).text.split("\n[…]\n")[0]
        assert said in first


def test_what_is_folded_is_opened_again(bench: Bench, fake) -> None:
    known(bench)
    Long(READS).offered(bench)
    rounds = [
        {"calls": [counting("one")]},
        {"calls": [counting("two")]},
        {"calls": [recalling("fold-1")]},
        {"calls": [recalling("fold-1", about=f"{needle('one')}")]},
        {"calls": [recalling("fold-1", part=2)]},
        {"calls": [recalling("fold-1", part=99)]},
        {"calls": [recalling("fold-9")]},
        {"says": "Good."},
    ]
    fake.behaves([holding(round) for round in rounds])

    answer = bench.until_ended(asked(bench))

    assert (answer.status, answer.notices) == ("completed", [])
    opened, about, second, beyond, missing = (results(post["body"])[-1] for post in fake.posts()[3:])
    assert opened.startswith("fold-1, part 1 of ")
    assert f"The number of one is {needle('one')}." in opened
    assert 'recall("fold-1", part=2) goes on]' in opened
    assert f"The number of one is {needle('one')}." in about
    assert second.startswith("fold-1, part 2 of ")
    assert str(needle("one")) not in second
    assert beyond.startswith("Error: fold-1 has ")
    assert missing == "Error: There is no fold-9 here."
    said = 'Counted {"what": "one"}'
    titles = [call.title for call in calls_in(bench)]
    assert titles[2:4] == [f"Looked again: {said}", f"Looked again for “{needle('one')}”: {said}"]
    assert all(len(results(post["body"])[-1]) < 16_000 for post in fake.posts()[3:])


def test_what_was_opened_again_is_folded_to_the_same_handle(bench: Bench, fake) -> None:
    known(bench)
    Long(READS).offered(bench)
    rounds = [
        *({"calls": [counting(name)]} for name in ("one", "two")),
        {"calls": [recalling("fold-1")]},
        *({"calls": [counting(name)]} for name in ("three", "four", "five")),
        {"calls": [recalling("fold-1", part=part) for part in range(1, 5)]},
        {"says": "Good."},
    ]
    fake.behaves([holding(round) for round in rounds])

    answer = bench.until_ended(asked(bench))

    assert (answer.status, answer.notices) == ("completed", [])
    sent = results(fake.posts()[-1]["body"])
    assert re.fullmatch(r"\[fold-1: Looked again: Counted .*, [\d ]+ characters\. recall opens it\]", sent[2])
    assert all(text.startswith(f"fold-1, part {part} of ") for part, text in enumerate(sent[-4:], 1))
    assert {call.fold["number"] for call in calls_in(bench) if call.tool == "recall" and call.fold} == {1}


def test_results_of_one_round_that_dont_fit_together_have_their_share(bench: Bench, fake) -> None:
    known(bench)
    Long(READS).offered(bench)
    names = ("one", "two", "three", "four")
    fake.behaves([holding({"calls": [counting(name) for name in names]}), holding({"says": "Good."})])

    answer = bench.until_ended(asked(bench))

    assert (answer.status, answer.notices) == ("completed", [])
    for name, result in zip(names, results(fake.posts()[-1]["body"]), strict=True):
        assert result.startswith(f"The number of {name} is {needle(name)}.")
        assert re.search(r'\n\[fold-\d: \d[\d ]* of 20 000 characters; recall\("fold-\d", part=2\) goes on\]$', result)


def test_a_kill_leaves_folds_as_they_were(bench: Bench, fake, make_app) -> None:
    known(bench)
    Long(READS).offered(bench)
    begun = [{"calls": [counting(name)]} for name in ("one", "two", "three")]
    fake.behaves([holding(round) for round in begun] + [holding({"says": "Good, and so on.", "holds": [0]})])
    id = asked(bench)
    bench.until(lambda: len(fake.posts()) == 4)
    die(bench, id)
    before = [call.fold for call in calls_in(bench)]

    other = Bench(make_app(**fake.environ))
    Long(READS).offered(other)
    fake.always(holding({"says": "Good."}))
    other.recover()
    other.until(lambda: other.generations()[-1].status == "completed")

    assert [call.fold for call in calls_in(other)] == before
    assert results(fake.posts()[-1]["body"]) == results(fake.posts()[3]["body"])


def test_a_run_that_fits_folds_nothing(bench: Bench, fake) -> None:
    counter = Counter(READS).offered(bench)
    fake.behaves([{"calls": [counting("one")]}, {"says": "Good."}])
    bench.until_ended(asked(bench))
    assert counter.done == ["one"]
    assert [call.fold for call in calls_in(bench)] == [None]
    assert [tool["function"]["name"] for tool in fake.posts()[-1]["body"]["tools"]] == ["count"]
