"""What a message can say of its writer, in several languages; and what was attached or quoted is not theirs."""

import pytest

from tests.support.speed import takes_at_most
from webapp.chat.proposals.proposing import found_in
from webapp.chat.proposals.said import is_private_to_others, may_hold_fact, written


@pytest.mark.parametrize(
    "text",
    [
        "I live in Bern and work nights.",
        "Fix this. My son is allergic to nuts, so leave them out.",
        "We use Flask and Postgres at work.",
        "Ich wohne seit März in Zürich.",
        "Meine Tochter heißt Lea und ist acht.",
        "J'habite à Genève depuis deux ans.",
        "Vivo en Madrid con mis dos gatos.",
        "Abito a Torino con la mia famiglia.",
        "Moro em Lisboa com minha irmã.",
        "Я живу в Берлине с семьёй.",
        "我住在上海，是一名医生。",
        "Remember: no sugar in any recipe.",
    ],
)
def test_a_message_can_hold_a_fact(text: str) -> None:
    assert may_hold_fact(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "Shorter please",
        "I agree",
        "What is the capital of France?",
        "Translate this text into German, and keep the tone.",
        "I would like to know how the millers dressed their stones for rye",
        "Can you help me with my homework",
        "Please show me the next step of this proof.",
        "Do I need a visa for Japan?",
        "Kannst du mir das in zwei Sätzen erklären",
        "Ich möchte gern wissen, wie Brot gebacken wird.",
    ],
)
def test_a_message_can_hold_none(text: str) -> None:
    assert not may_hold_fact(text)


def test_only_what_the_person_wrote_is_read() -> None:
    said = "I live in Bern.\n> I live in Rome.\nnotes.md\n```md\nMy name is Eve.\n```\nSee [I am Eve](https://a.example/x)."
    text = written(said)
    assert len(text) == len(said)
    assert (text.find("Bern"), "Rome" in text, "Eve" in text, "example" in text) == (said.find("Bern"), False, False, False)
    assert "Eve" not in written("````md\n```\nI am Eve\n```\nI am Eve, too")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "`" * 99_999,
        "~" * 99_999,
        "![a](" * 20_000,
        "[a]( " * 20_000,
        "``` \n" * 20_000,
        "> " * 50_000,
        "." * 100_000,
    ],
)
def test_a_hostile_text_takes_no_longer(text: str) -> None:
    with takes_at_most(1):
        said = written(text)
        may_hold_fact(said)
        is_private_to_others(said)


@pytest.mark.parametrize(
    ("text", "is_private"),
    [
        ("My boss is an alcoholic.", True),
        ("Anna was diagnosed with depression.", True),
        ("Meine Frau ist schwanger.", True),
        ("I was diagnosed with diabetes.", False),
        ("My daughter is called Lea.", False),
    ],
)
def test_private_matters_of_others_are_left_out(text: str, is_private: bool) -> None:
    assert is_private_to_others(text) is is_private


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "no",
        "{",
        "[]",
        '{"facts": 1}',
        '{"facts": [1, null, "x"]}',
        '{"facts": [{"text": "I live in Rome.", "quote": "live in Rome"}]}',
        '{"facts": [{"text": "I live in Bern."}]}',
        '{"facts": [{"text": "", "quote": "Bern"}]}',
        '{"facts": [{"text": "%s", "quote": "Bern"}]}' % ("x" * 501),
        '{"facts": [{"text": "My wife has cancer.", "quote": "Bern"}]}',
        "[" * 100_000,
    ],
)
def test_a_reply_that_fits_nothing_proposes_nothing(reply: str) -> None:
    assert not list(found_in(reply, "I live in Bern.", []))


def test_a_reply_proposes_at_most_three_facts_with_their_places() -> None:
    entry = '{"text": "I live in Bern.", "quote": "in Bern", "contradicts": %s}'
    reply = "Sure:\n```json\n" + '{"facts": [' + ", ".join(entry % number for number in (1, 2, "null", 0, 1)) + "]}\n```"
    found = list(found_in(reply, "I live in Bern.", ["a"]))
    assert [(fact.start, fact.quote, fact.contradicts_id) for fact in found] == [
        (7, "in Bern", "a"),
        (7, "in Bern", None),
        (7, "in Bern", None),
    ]
