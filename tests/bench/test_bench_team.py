"""The benches of several workers run, and draw the right conclusions from their samples."""

import json

import pytest

from bench import crowd, recover, soak, workers
from bench.load import Load
from bench.upstream import stamped, tokens_of
from tests.bench.test_bench import assert_unbroken
from webapp.models.providers.base import CONTINUE_INSTRUCTION

TEXT = " ".join(stamped("¤", number) for number in range(3))


@pytest.mark.parametrize(
    ("messages", "count"),
    [
        (["Question", TEXT, CONTINUE_INSTRUCTION], 3),
        (["Question", "no token yet", CONTINUE_INSTRUCTION], 0),
        (["Question", TEXT, "Another question"], 0),
        (["Question"], 0),
    ],
)
def test_the_model_goes_on_behind_what_it_has_said(messages: list[str], count: int) -> None:
    assert tokens_of(json.dumps({"messages": [{"content": content} for content in messages]}).encode()) == count


def test_the_model_says_all_to_who_asks_nothing_in_particular() -> None:
    assert tokens_of(b"x=1") == tokens_of(b"") == 0


def test_what_a_kill_has_cost_is_the_age_of_the_first_lost_token() -> None:
    stamps = [(number, 10 + number / recover.LOAD.rate) for number in range(10)]

    assert recover.lost_ms(stamps, 5, 10.2) == pytest.approx(100)
    assert recover.lost_ms(stamps, 10, 10.15) == 0
    assert recover.lost_ms(stamps, 0, 10.2) == 0


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(600)
def test_workers_are_killed_and_frozen() -> None:
    verdict = recover.measure(2, 2, 0, 1, print)

    assert any("2 × kill, 2 × freeze" in bar.words for bar in verdict.bars)
    assert_unbroken(verdict)


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(600)
def test_a_house_is_soaked() -> None:
    verdict = soak.measure(3, 0.4, 1, print)

    assert {bar.words: bar.found for bar in verdict.bars}["acknowledged messages lost"] == 0


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(600)
def test_one_answer_is_on_many_pages_and_two_workers_are_measured_beside_one() -> None:
    assert crowd.measure(2, 30, print, load=Load(1, 40, 50, within=0)).bars[0].found == 0

    verdict = workers.measure(2, 1, print, load=Load(5, 60, 50), ways=["api"])
    assert_unbroken(verdict)
