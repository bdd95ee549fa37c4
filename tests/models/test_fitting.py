"""What of a request fits a model's context: earlier messages, results of tools, and the answer so far."""

from dataclasses import replace

import pytest

from webapp.chat.prompt.builder import PromptBuilder
from webapp.models.fitting import MOST_FITS, Fit, answer_tokens, can_be_too_long, fitted, prompt_tokens
from webapp.models.prompt_sections import Section
from webapp.models.providers.base import ModelRequest, ToolCall, ToolResult, Turn
from webapp.streaming.failure import TooLong

WORDS = "word " * 200
CHAT = [("user", f"Question 1. {WORDS}"), ("assistant", f"Answer 1. {WORDS}")] * 4 + [("user", "And now?")]
SECTIONS = (Section("System prompt", "Be brief.", rank=20), Section("Note", "Write in verse.", depth=1, role="user"))
LONG = "result " * 4_000


def of_chat(path=CHAT, **how) -> ModelRequest:
    return PromptBuilder(SECTIONS).build("one", path, **how)


def of_rounds(*results: str, each: int = 1) -> ModelRequest:
    """Returns a request with a round for each result, which it has `each` times."""
    rounds = []
    for number, result in enumerate(results):
        calls = tuple(ToolCall(f"{number}.{place}", "look", "{}") for place in range(each))
        returned = tuple(ToolResult(call.id, result) for call in calls)
        rounds += [Turn("assistant", "", calls=calls), Turn("tool", "", results=returned)]
    request = of_chat()
    return replace(request, turns=(*request.turns, *rounds))


def texts(request: ModelRequest) -> list[str]:
    return [turn.content for turn in request.turns]


def results(request: ModelRequest) -> list[str]:
    return [result.text for turn in request.turns for result in turn.results]


def test_what_fits_is_sent_as_it_is():
    request = of_chat()
    same = fitted(request, budget_tokens=10_000)
    assert (same.request, same.is_shorter, same.words) == (request, False, "")


@pytest.mark.parametrize(("budget", "left_out"), [(1_650, 2), (1_000, 4), (800, 6), (500, 6), (300, 8), (1, 8)])
def test_the_earliest_exchanges_are_left_out(budget, left_out):
    shorter = fitted(of_chat(), budget_tokens=budget)

    assert shorter.messages == left_out
    contents = texts(shorter.request)
    # Sections keep their places, and the newest message stays.
    assert (contents[0], contents[-2:]) == ("Be brief.", ["Write in verse.", "And now?"])
    assert len(contents) == 3 + len(CHAT) - 1 - left_out
    assert shorter.tokens <= max(budget, 40)


def test_it_can_be_shortened_again():
    once = fitted(of_chat(), budget_tokens=1_000)
    twice = fitted(once.request, budget_tokens=300)
    assert once.messages + twice.messages == len(CHAT) - 1
    assert texts(twice.request) == ["Be brief.", "Write in verse.", "And now?"]


def test_other_requests_keep_their_turns():
    request = ModelRequest("one", of_chat().turns)
    assert fitted(request, budget_tokens=10).request.turns == request.turns


def test_results_of_earlier_rounds_become_a_line():
    shorter = fitted(of_rounds(LONG, LONG, "The last."), budget_tokens=4_500)
    assert results(shorter.request) == ["[28,000 characters, left out]", LONG, "The last."]
    assert (shorter.messages, shorter.results) == (8, 1)


def test_results_of_the_last_round_get_their_shares():
    request = of_rounds(LONG, each=4)
    shorter = fitted(request, budget_tokens=4_000)
    for text in results(shorter.request):
        head, _, line = text.rpartition("\n")
        assert LONG.startswith(head)
        assert line.endswith(" of 28,000 characters]")
    assert shorter.tokens <= 4_400
    assert shorter.results == 4


def test_a_small_result_leaves_its_room_to_the_others():
    request = of_rounds(LONG, each=2)
    last = request.turns[-1]
    request = replace(request, turns=(*request.turns[:-1], replace(last, results=(ToolResult("0.0", "Short."), last.results[1]))))
    first, second = results(fitted(request, budget_tokens=4_000).request)
    assert first == "Short."
    assert len(second) > 20_000


def test_calls_keep_their_results():
    shorter = fitted(of_rounds(*["A short one."] * 60), budget_tokens=300).request
    called = [call.id for turn in shorter.turns for call in turn.calls]
    assert called == [result.id for turn in shorter.turns for result in turn.results]
    assert called[-1] == "59.0"
    assert len(called) < 60


def test_of_an_answer_to_be_continued_the_end_is_sent():
    beginning = "".join(f"w{number:06d} " for number in range(5_000))
    shorter = fitted(of_chat(beginning=beginning), budget_tokens=2_000)
    assert beginning.endswith(shorter.request.turns[-1].content)
    assert shorter.request.is_continuation
    assert shorter.chars == len(beginning) - len(shorter.request.turns[-1].content)
    assert shorter.words == "the 8 earliest messages were not sent, and the beginning of the answer was not sent"


def test_it_says_what_is_missing():
    assert fitted(of_chat(CHAT[:1] + CHAT[-1:]), budget_tokens=100).words == "the earliest message was not sent"
    assert fitted(of_rounds(LONG), budget_tokens=1_000).words == (
        "the 8 earliest messages were not sent, and a long result of a tool was shortened"
    )


def test_an_answer_has_its_room():
    assert [answer_tokens(*case) for case in [(4096, None), (100_000, None), (4096, 500), (4096, 9_000)]] == [
        1024,
        4096,
        500,
        2048,
    ]
    assert prompt_tokens(4096, 9_000) == 1706


def test_short_requests_need_not_be_counted():
    assert [can_be_too_long(of_chat(), length) for length in (100_000, 4_096)] == [False, True]


SAYS_ALL = TooLong(4096, 9_036)


def test_a_refusal_that_says_what_fits():
    fit = Fit(of_chat(CHAT * 20)).after(SAYS_ALL)
    assert fit is not None
    assert fit.request.turns[-1].content == "And now?"
    assert fit.guess == 0
    (notice,) = fit.notices
    assert notice.message == f"This model's context holds 4,096 tokens: the {fit.messages} earliest messages were not sent."


def test_what_the_server_has_counted_corrects_the_estimate():
    request = of_chat(CHAT * 20)
    usual, dense = Fit(request).after(TooLong(4096, 30_000)), Fit(request).after(TooLong(4096, 90_000))
    assert usual is not None
    assert dense is not None
    assert dense.budget_tokens < usual.budget_tokens / 1.5


def test_a_refusal_that_says_nothing_halves_the_request():
    fit = Fit(of_chat(CHAT * 20)).after(TooLong())
    assert fit is not None
    again = fit.after(TooLong())
    assert again is not None
    assert again.budget_tokens <= fit.budget_tokens / 2
    assert again.notices[0].message.startswith("Not all fits this model's context: the ")
    # What has fitted fits the next time.
    assert prompt_tokens(again.guess, None) <= again.budget_tokens


def test_it_ends_where_nothing_can_be_left_out():
    fit, times = Fit(of_chat(CHAT[-1:])), 0
    while (shorter := fit.after(SAYS_ALL)) and times < 10:
        fit, times = shorter, times + 1
    assert times == 0


@pytest.mark.parametrize("refusal", [TooLong(4096), TooLong()])
def test_it_ends_after_a_few_refusals(refusal):
    fit, times = Fit(of_chat(CHAT * 200)), 0
    while shorter := fit.after(refusal):
        assert shorter.budget_tokens < (fit.budget_tokens or 1 << 60)
        fit, times = shorter, times + 1
    assert 1 < times <= MOST_FITS


def test_an_answer_that_leaves_no_room_is_made_shorter():
    fit = Fit(of_chat(CHAT[-1:], max_tokens=9_000)).after(TooLong(4096, 60))
    assert fit is not None
    assert (fit.request.max_tokens, fit.notices) == (2048, ())


def test_rounds_that_have_grown_fit_before_they_are_sent():
    request = of_rounds(LONG, LONG, LONG)
    assert Fit.before(request, None).request is request
    assert Fit.before(replace(request, earlier=None), 4096).request.turns is request.turns
    fit = Fit.before(request, 4096)
    assert fit.messages == 8
    assert results(fit.request)[0].startswith("[28,000")
