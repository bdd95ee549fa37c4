"""Variables of macros: texts and numbers by name, within limits."""

import pytest

from webapp.characters.macros import chat_variables
from webapp.characters.macros.chat_variables import Variables, VariableStore, storable
from webapp.characters.macros.macros import MOST_MORE_CHARS, Names


def filled(text: str, local: VariableStore | None = None, shared: VariableStore | None = None) -> str:
    return Names("Jo", "Bo", variables=Variables(local or VariableStore(), shared or VariableStore())).fill(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[{{setvar::a::{{user}} :: x}}{{getvar::a}}|{{getvar A}}|{{GETVAR:a}}]", "[Jo::x||Jo::x]"),
        ("{{incvar::n}}{{incvar n}}{{decvar::n}}{{addvar::n::2.5}} {{getvar::n}}", "121 3.5"),
        ("{{setvar::n::0.1}}{{addvar::n::0.2}}{{addvar::n::-0.3}}{{getvar::n}}", "0"),
        ("{{addvar::t::a}}{{addvar::t::b}}{{getvar::t}}{{incvar::t}}", "abab1"),
        ("{{hasvar::a}}{{setvar::a::}}{{hasvar::a}}{{deletevar::a}}{{hasvar::a}}", "falsetruefalse"),
        (
            "{{setglobalvar::a::1}}{{getvar::a}}{{incglobalvar::a}}{{hasglobalvar::a}}{{deleteglobalvar::a}}{{getglobalvar::a}}",
            "2true",
        ),
        ("{{.a = 3}}{{.a++}}{{ .a-- }}{{.a += 4}}{{.a}}{{$a}}", "437"),
        ("{{.Some-name_1={{user}}}}{{getvar::Some-name_1}}", "Jo"),
        ("{{getvar}} {{getvar::}} {{setvar::a}} {{getvar::a::b}} {{.}} {{.1}} {{.a == 3}} {{.a b}} {{.a-}}",) * 2,
        ("{{setvar::a::{{noop}}{{user}}}}{{reverse:{{.a}}}}", "oJ"),
    ],
)
def test_each_gives_what_it_should(text: str, told: str) -> None:
    assert filled(text) == told


def test_what_was_put_in_is_never_looked_at_again() -> None:
    assert filled("{{.a}}", VariableStore(lambda: {"a": "{{user}}::{{incvar::b}}"})) == "{{user}}::{{incvar::b}}"


def test_nothing_is_read_before_it_is_asked_for() -> None:
    reads = list[str]()

    def read() -> dict[str, str]:
        reads.append("read")
        return {"a": "1"}

    bag = VariableStore(read)
    filled("{{user}} {{random::a::b}}", bag)
    assert (reads, bag.is_changed) == ([], False)
    assert (filled("{{.a}}{{setvar::a::1}}", bag), reads, bag.is_changed) == ("1", ["read"], False)
    filled("{{setvar::a::2}}", bag)
    assert (bag.values, bag.is_changed) == ({"a": "2"}, True)


def test_what_exceeds_the_bounds_is_not_put_in() -> None:
    bag = VariableStore()
    filled("".join(f"{{{{setvar::n{number}::x}}}}" for number in range(150)), bag)
    assert len(bag.values) == chat_variables.MOST_NAMES
    filled(f"{{{{deletevar::n0}}}}{{{{setvar::{'n' * 101}::x}}}}{{{{setvar::a::{'x' * 2_001}}}}}", bag)
    assert len(bag.values) == chat_variables.MOST_NAMES - 1
    filled("".join(f"{{{{setvar::n{number}::{'x' * 2_000}}}}}" for number in range(1, 20)), bag)
    assert 18_000 < sum(map(len, (*bag.values, *bag.values.values()))) <= chat_variables.MOST_CHARS
    filled("{{deletevar::n1}}{{setvar::more::there is room again}}", bag)
    assert bag.get("more") == "there is room again"


def test_what_they_give_counts_as_what_is_put_in() -> None:
    told = filled("{{.a}}" * 900, VariableStore(lambda: {"a": "x" * 2_000}))
    assert told.count("x") == MOST_MORE_CHARS
    assert told.endswith("{{.a}}")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"a": 3, "b": 2.0, "c": 0.5, "d": True, "e": " x "}, {"a": "3", "b": "2", "c": "0.5", "d": "true", "e": " x "}),
        ({"a": None, "b": [1], "c": {"d": 1}, "": "x", " e ": "y", "f" * 101: "z", "g": "x" * 2_001}, {"e": "y"}),
        ({"a": float("inf"), "b": 10**5_000}, {"a": "inf", "b": ""}),
        ([1], {}),
        (None, {}),
        ("a", {}),
    ],
)
def test_of_what_files_say_what_can_be_kept_is(values, told) -> None:
    assert storable(values) == told
