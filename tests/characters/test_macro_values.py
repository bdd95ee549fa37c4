"""The value of each macro, which macros stay as they were written, and the cost of hostile texts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from tests.support.turns import nobody_waits
from webapp.characters.cards.cards import fields_of, mapped, texts_for_macros
from webapp.characters.macros.macros import MOST_MORE_CHARS, Names, unsupported

AT = datetime(2026, 11, 3, 15, 4, 9, tzinfo=timezone(timedelta(hours=1)))
TEXTS = {
    "description": "{{char}} rows. {{description}}",
    "personality": "Curt, {{scenario}}.",
    "scenario": "a mill; {{personality}}",
    "persona": "{{user}} sails.",
}
WORDS = {"lastmessage": "{{user}}, {{trim}}!", "model": "fake/plain"}


def names(**others) -> Names:
    usual = Names("Jo", "Bo", texts=TEXTS.get, words=WORDS.get, now=AT, chance=Random(1), chat_id="chat")
    return replace(usual, **others)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{User}} {{CHAR}} {{charIfNotGroup}} {{notChar}}", "Jo Bo Bo Jo"),
        ("{{{user}}} }} {{ {{char}} }", "{Jo} }} {{ Bo }"),
        ("{{description}}", "Bo rows. {{description}}"),
        ("{{personality}}", "Curt, a mill; {{personality}}."),
        ("{{persona}} {{mesExamples}}", "Jo sails. {{mesExamples}}"),
        ("{{lastMessage}} {{MODEL}} {{lastUserMessage}}", "{{user}}, {{trim}}! fake/plain {{lastUserMessage}}"),
        ("a{{original}}b", "ab"),
        ("{{time}} {{isotime}} {{date}} {{isodate}} {{weekday}}", "15:04 15:04 3 November 2026 2026-11-03 Tuesday"),
        ("{{datetimeformat::dddd, Do MMMM YYYY [at] h:mm:ss a Z}}", "Tuesday, 3rd November 2026 at 3:04:09 pm +01:00"),
        ("{{datetimeformat DD.MM.YY HH}} {{datetimeformat::}}", "03.11.26 15 {{datetimeformat::}}"),
        ("{{random::a}} {{random:a}} {{Random a}} {{random:{{user}}}}", "a a a Jo"),
        ("{{random}} {{pick}} {{random::::}}", "{{random}} {{pick}} "),
        (r"{{random:a\,b}} {{pick: a }}", "a,b a"),
        ("{{pick::{{random::{{user}}}}::{{user}}}}", "Jo"),
        ("{{roll:1}} {{roll::3d1+2}} {{roll d1}} {{roll 2D1-5}}", "1 5 1 -3"),
        (
            "{{roll:0}} {{roll:x}} {{roll:0d6}} {{roll::1000d6}} {{roll}}",
            "{{roll:0}} {{roll:x}} {{roll:0d6}} {{roll::1000d6}} {{roll}}",
        ),
        ("a{{newline}}b{{noop}}c", "a\nbc"),
        ("a \r\n\n{{trim}}\n{{// x}}{{trim}}\n\n b", "a  b"),
        ("{{trim}}\n\na\n{{trim}}", "a"),
        ("{{timeDiff::2026-01-01::2026-01-03 14:00}} {{timeDiff::2026-01-01T12:00Z::2026-01-01}}", "3 days ago in 12 hours"),
        (
            "{{timeDiff::2026-01-01 00:00:44::2026-01-01}} {{timeDiff::x::y}} {{timeDiff}}",
            "in a few seconds {{timeDiff::x::y}} {{timeDiff}}",
        ),
        ("{{reverse:ab{{user}}}} {{reverse::x\ny}}", "oJba y\nx"),
        ("a{{// no {{user}} }}b{{//}}c{{comment: d }}e{{hidden_key:rye}}f", "abcef"),
        (
            "{{getvar::{{user}}}} {{setvar::a::b}} {{outlet::x}} {{.a++}}",
            "{{getvar::Jo}} {{setvar::a::b}} {{outlet::x}} {{.a++}}",
        ),
        (
            "{{user:x}} {{time::UTC+2}} {{time_UTC+2}} {{user{{char}}}} {{}}",
            "{{user:x}} {{time::UTC+2}} {{time_UTC+2}} {{userBo}} {{}}",
        ),
    ],
)
def test_each_gives_what_it_should(text: str, filled: str) -> None:
    assert names().fill(text) == filled
    assert Names().fill(text) == text


@pytest.mark.parametrize("text", ["{{time}}", "{{random::a::b}}", "{{roll:6}}", "{{pick::a::b}}", "{{persona}}", "{{model}}"])
def test_what_is_not_known_stays(text: str) -> None:
    assert Names("Jo", "Bo").fill(f"{text} {{{{user}}}}") == f"{text} Jo"


def test_one_text_has_another_in_it() -> None:
    assert names().fill("<{{original}}>", original="Be {{char}}.{{original}}") == "<Be Bo.>"


def test_chance_gives_all_there_is() -> None:
    given = {names(chance=Random(seed)).fill("{{random::{{user}}::{{char}}::c,d}} {{roll:2}}") for seed in range(100)}
    assert given == {f"{one} {number}" for one in ("Jo", "Bo", "c,d") for number in (1, 2)}


def test_a_pick_stays_at_its_place() -> None:
    text = "{{pick::a::b::c::d}}" * 40
    picked = names().fill(text)
    assert set(picked) == set("abcd")
    assert names(chance=Random(2), now=AT.astimezone(UTC)).fill(text) == picked
    assert names(chat_id="another").fill(text) != picked != names().fill(text + " ")[:40]


LONG = "".join(f"{{{{char}}}}{number}" for number in range(2_000))


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "text",
    [
        "{{description}}" * 1_300,
        "{{reverse:{{description}}{{description}}}}" * 400,
        "{{random::" * 12 + "{{description}}" * 500 + "::b}}" * 12,
        "{{a" * 60_000,
        "{{reverse:" * 15_000 + "x" + "}}" * 15_000,
        "{{a}}" * 40_000,
        "{" * 200_000,
        "}}" * 100_000,
        "{{random:" + "a," * 90_000 + "}}",
        "{{roll:999d6}}" * 14_000,
        "{{pick::a::b}}" * 14_000,
        "{{datetimeformat::" + "[" * 200_000 + "}}",
        ("{{datetimeformat::" + "MMMM" * 49 + "}}") * 900,
        "\n" * 100_000 + "{{trim}}" * 1_000 + "\n" * 90_000,
        "{{random" + " " * 190_000 + "::a}}",
        r"{{random:" + "\\" * 190_000 + ",a}}",
        "{{" + "a" * 190_000 + "}}",
    ],
    ids=range(17),
)
def test_hostile_texts_stay_small_and_hold_up_nobody(text: str) -> None:
    hostile = {"description": LONG, "personality": "{{description}}" * 100}
    with nobody_waits():
        filled = names(texts=hostile.get, char="B" * 120).fill(text)
    assert len(filled) <= len(text) + MOST_MORE_CHARS


def test_past_what_is_looked_at_names_are_filled_in_all_the_same() -> None:
    filled = names().fill("{{user}} {{roll:1}}" * 10_000)
    assert (filled.count("Jo "), filled.count("{{user}}")) == (10_000, 0)
    assert 0 < filled.count("Jo 1") < 10_000


def test_what_no_macro_is_for_is_named_once() -> None:
    found = unsupported(
        [
            "{{getvar::x}} {{user}} {{time}} {{// a}}",
            "{{if a}}b{{else}}c{{/if}} {{GETVAR::y}} {{.z}} {{outlet::A}} {{Input}} {{#if a}}{{input}}",
        ]
    )
    assert found == ["input"]


CARD = {
    "spec": "chara_card_v2",
    "data": {
        "name": "Mara",
        "nickname": "M",
        "description": "{{char}} mills.",
        "personality": "Curt.",
        "scenario": "A mill.",
        "mes_example": "<USER>: Hello",
        "creator_notes": "By night.",
        "character_version": "1.1",
    },
}


def test_a_card_is_asked_part_by_part() -> None:
    description = fields_of(CARD)["description"]
    assert texts_for_macros(CARD, description) == {
        "description": "M mills.",
        "personality": "Curt.",
        "scenario": "A mill.",
        "mesexamples": "{{user}}: Hello",
        "mesexamplesraw": "{{user}}: Hello",
        "charcreatornotes": "By night.",
        "charversion": "1.1",
    }
    # Once the description is edited, the parts that the import had put into it are no longer taken from the card.
    changed = texts_for_macros(CARD, "She bakes.")
    assert [changed[name] for name in ("description", "personality", "scenario", "mesexamples")] == ["She bakes.", "", "", ""]
    assert changed["charversion"] == "1.1"
    assert texts_for_macros({}, "She bakes.")["description"] == "She bakes."


def test_names_count_for_nothing_in_what_may_be_added() -> None:
    assert Names("J" * 120, "B").fill("{{user}}" * 1_200) == "J" * 120 * 1_200


def test_an_import_names_what_is_not_used() -> None:
    extensions = {"regex_scripts": [{"scriptName": "a", "findRegex": "/(?=x)/", "placement": [2]}]}
    entries = [{"keys": ["rye"], "content": "{{outlet::Rye}} {{lorebook}}"}, 3]
    more = {
        "first_mes": "{{getvar::mood}}, {{input}}, {{user}}?",
        "alternate_greetings": [3, "{{if x}}a{{/if}}"],
        "extensions": extensions,
    }
    card = {**CARD, "data": {**CARD["data"], **more, "character_book": {"entries": entries}}}

    assert mapped(CARD)["notes"] == []
    scripts, macros = mapped(card)["notes"][-2:]
    assert scripts == "One of its text scripts can't be used here, but is kept. Its page says why."
    assert macros == "Macros that aren't supported stay as written: {{input}} and {{lorebook}}."
    many = {**CARD["data"], "scenario": "".join(f"{{{{x{number}}}}}" for number in range(30))}
    assert mapped({**CARD, "data": many})["notes"][0].endswith("{{x8}}, {{x9}} and 20 more.")
