"""The difference sent for a changed list turns the list on a page into the current one, or is the whole list where needed."""

import re

import pytest
from hypothesis import given, strategies as st

from tests.support.list_parts import PART, applied, changed, drawn, same
from webapp.engine.watching.difference import difference


def swaps(parts: str) -> list[tuple[str, str]]:
    return [(target, swap) for target, swap, _ in PART.findall(parts)]


@pytest.mark.slow
@given(st.randoms(use_true_random=False))
def test_whatever_was_there_becomes_what_is_there_now(random):
    old, new = changed(random)
    if parts := difference(old, new):
        assert same(applied(old, parts)) == same(new)
        assert len(parts) < len(new)


BEFORE = {"Pinned": "pq", "Today": "abc", "May": "def"}


@pytest.mark.parametrize(
    ("now", "says", "wanted"),
    [
        (BEFORE, {"b": "!"}, [("row-b", "outerMorph")]),
        (BEFORE | {"Today": "cab"}, {}, [("row-a", "beforebegin")]),
        (BEFORE | {"Today": "cab"}, {"c": "!"}, [("row-a", "beforebegin"), ("row-c", "outerMorph")]),
        (BEFORE | {"Today": "nabc"}, {}, [("row-a", "beforebegin")]),
        (BEFORE | {"Today": "nabc", "May": "de"}, {}, [("row-f", "delete"), ("row-a", "beforebegin")]),
        (BEFORE | {"Today": "eabc", "May": "df"}, {"e": "!"}, [("row-a", "beforebegin"), ("row-e", "outerMorph")]),
        (BEFORE | {"Pinned": "apq", "Today": "bc"}, {}, [("row-p", "beforebegin")]),
    ],
    ids=[
        "another title",
        "comes up",
        "comes up and is answered",
        "new",
        "new, and the last falls off",
        "of another group",
        "pinned",
    ],
)
def test_rows_alone_are_sent_where_rows_alone_have_changed(now, says, wanted):
    old, new = drawn(BEFORE), drawn(now, **says)
    parts = difference(old, new)

    assert swaps(parts) == wanted
    assert same(applied(old, parts)) == same(new)


@pytest.mark.parametrize(
    "now",
    [
        BEFORE | {"Today": "ac"},
        {"Today": "abc", "May": "def"},
        {"Today": "pqabc", "May": "def"},
        {"Week" if label == "Today" else label: ids for label, ids in BEFORE.items()},
        BEFORE | {"Today": "n", "May": "abcde"},
        BEFORE | {"Pinned": "p", "Today": "aqbc"},
        {},
        BEFORE,
    ],
    ids=[
        "taken out",
        "a group ends",
        "a group ends, its rows stay",
        "renamed",
        "nothing stays",
        "taken down",
        "empty",
        "no other",
    ],
)
def test_all_of_it_is_sent_where_more_has_changed(now):
    assert difference(drawn(BEFORE), drawn(now)) == ""


def test_all_of_it_is_sent_where_that_is_shorter():
    assert difference(drawn(BEFORE), drawn(BEFORE, **dict.fromkeys("pqabcdef", "!"))) == ""


def test_what_a_person_wrote_cannot_be_taken_for_a_row():
    title = "&lt;/li&gt;&lt;li id=&#34;row-a&#34;&gt;"
    old, new = drawn(BEFORE), drawn(BEFORE, b=title)

    assert re.findall(r'hx-target="([^"]*)"', difference(old, new)) == ["#row-b"]
