"""The estimate of tokens, and the meter that shows how full a chat is."""

import pytest

from tests.chat.conftest import ended
from tests.conftest import signed_in
from tests.support.speed import takes_at_most
from tests.support.turns import nobody_waits
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.record.tables import Message
from webapp.models.prompt_sections import Section
from webapp.models.tokens import estimate, share_of
from webapp.workspace.page.composer_shown import Meter, meter


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("   ", 1),
        ("Hello there", 2),
        ("incomprehensibilities", 4),
        ("1234567", 3),
        ("{}[]", 2),
        ("one\n\ntwo", 3),
        ("水車小屋", 3),
        ("мельница", 2),
        ("🙂", 1),
    ],
)
def test_a_text_is_about_so_many(text, tokens):
    assert estimate(text) == tokens


def test_prose_is_about_four_characters_each():
    prose = "A millrace leads water quietly to where it does work, and back to the river when the work is done. " * 50

    assert 0.8 < estimate(prose) / (len(prose) / 4.6) < 1.2


@pytest.mark.parametrize("unit", ["*_*_*_", "word ", "> - > - ! ", "слово ", "e\u0301\u0302", "a1 b2 "])
def test_a_long_text_is_judged_by_samples(unit):
    short, long = (unit * (chars // len(unit)) for chars in (7_000, 2_000_000))

    with takes_at_most(1):
        tokens = estimate(long)
    assert tokens / len(long) == pytest.approx(estimate(short) / len(short), rel=0.05)


@pytest.mark.parametrize("unit", ["*_*_*_", "word and more ", "слово "])
def test_of_many_texts_a_part_is_judged(unit):
    text = unit * (6_000 // len(unit))
    share = share_of(500 * len(text))

    assert share == pytest.approx(0.05, rel=0.01)
    assert estimate(text, share) == pytest.approx(estimate(text), rel=0.1)
    assert estimate("short words", share) == estimate("short words")
    assert share_of(100_000) == 1


@pytest.mark.parametrize("roles", [("user", "assistant"), ("assistant", "assistant")])
def test_a_long_chat_is_fitted_without_looking_at_all_of_it(roles):
    path = [(role, "*_a1 " * 2_000) for role in roles * 200]
    spare = Section("Sources", text="words " * 100, rank=60, priority=1)

    with nobody_waits():
        fitted = PromptBuilder([spare]).fit([*path, ("user", "Hello")], budget_tokens=800_000)
    assert fitted.left_out > 0
    assert fitted.dropped == (spare,)


def test_the_meter_says_nothing_where_nothing_is_known_or_worth_a_word():
    messages = [Message(id="one", content="word " * 1_000)]

    assert meter(messages, None) is None
    assert meter(messages, 1_000_000) is None
    assert meter(messages, 1_435) is None
    assert meter(messages, 1_434) == Meter(1_004, 1_434)
    assert meter(messages, 1_434).percent == 70
    assert meter(messages, 500).percent == 100


@pytest.mark.slow
def test_a_chat_shows_it(make_app):
    ada = signed_in(make_app(), "ada@example.org", "owner")
    path = ada.submit("/", message="word " * 25_000).path
    page = ada.wait_for(path, ended)

    assert page.one(".meter").text().endswith("% of context")
    assert int(page.one(".meter").text().split()[0]) in range(75, 90)
