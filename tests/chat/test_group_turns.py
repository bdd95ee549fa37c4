"""Choosing who answers next in a chat with several characters."""

import pytest

from webapp.chat.group.turns import MANUAL, MENTION, ORDERS, ROTATION, TALKATIVE, Member, mentioned, next_member

MARA, BO, HANNE = Member("m", "Mara"), Member("b", "Bo", "Captain"), Member("h", "Hanne Voss")
CAST = (MARA, BO, HANNE)


def who(order: str, spoken: str = "", text: str = "", chance: float = 0.0, cast: tuple[Member, ...] = CAST) -> str:
    return next_member(cast, order, list(spoken), text, chance).id


@pytest.mark.parametrize(
    ("spoken", "expected"), [("", "m"), ("m", "b"), ("mb", "h"), ("mbh", "m"), ("bm", "b"), ("mx", "b"), ("x", "m"), ("hhm", "b")]
)
def test_in_rotation_the_next_one_after_the_last_who_is_still_there(spoken, expected):
    assert who(ROTATION, spoken) == expected


@pytest.mark.parametrize(("spoken", "expected"), [("", "m"), ("b", "b"), ("bm", "m"), ("bx", "m")])
def test_by_hand_the_last_one_goes_on_and_the_first_begins(spoken, expected):
    assert who(MANUAL, spoken) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bo, what do you think?", "b"),
        ("what does BO think", "b"),
        ("Aye, captain!", "b"),
        ("And you, Hanne?", "h"),
        ("And you, Frau Voss?", "h"),
        ("Hanne Voss and Bo", "h"),
        ("Bo and Hanne Voss", "b"),
        ("Bob and Boa, bo_ and Marathon", None),
        ("", None),
        ("\n" * 20_000 + "Bo", None),
    ],
)
def test_the_first_one_named_as_a_whole_word_is_mentioned(text, expected):
    found = mentioned(CAST, text)
    assert (found.id if found else None) == expected


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (("Anna Karenina", "Anna Bolena"), "Anna?", None),
        (("Anna Karenina", "Anna Bolena"), "Bolena?", "Anna Bolena"),
        (("Anna", "Anna Bolena"), "Anna?", "Anna"),
        (("Anna", "Anna Bolena"), "Anna Bolena?", "Anna Bolena"),
        (("The Baker", "Mara"), "The mill", None),
        (("C++ (old)", "Mara"), "Dear C++ (old),", "C++ (old)"),
        (("Élodie", "Mara"), "élodie", "Élodie"),
        (("小雪", "Mara"), "小雪 !", "小雪"),
    ],
)
def test_what_people_can_be_called(names, text, expected):
    found = mentioned([Member(name, name) for name in names], text)
    assert (found.id if found else None) == expected


def test_nobody_mentioned_it_goes_in_turn():
    assert who(MENTION, "m", "Hello") == "b"
    assert who(MENTION, "m", "Hello, Mara") == "m"


@pytest.mark.parametrize(("chance", "expected"), [(0.0, "b"), (0.49, "b"), (0.51, "h"), (0.999, "h")])
def test_by_chance_never_the_same_twice(chance, expected):
    assert who(TALKATIVE, "bm", chance=chance) == expected


def test_by_chance_the_talkative_speak_more_often_and_the_silent_not_at_all():
    cast = (Member("m", "Mara", talkativeness=0.1), Member("b", "Bo", talkativeness=0.9), Member("h", "Hanne", talkativeness=0.0))
    said = [who(TALKATIVE, chance=step / 1000, cast=cast) for step in range(1000)]

    assert (said.count("m"), said.count("b"), said.count("h")) == (100, 900, 0)


def test_where_all_are_silent_each_can_speak():
    cast = tuple(Member(name, name, talkativeness=0.0) for name in "mbh")
    assert {who(TALKATIVE, "m", chance=step / 10, cast=cast) for step in range(10)} == {"b", "h"}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("spoken", ["", "m", "x", "mmm"])
def test_alone_one_always_speaks(order, spoken):
    assert who(order, spoken, "Bo?", 0.999, (MARA,)) == "m"
