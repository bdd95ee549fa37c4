"""What narrows a search is read from its words, and written back."""

from datetime import date

import pytest
from hypothesis import given, strategies as st

from webapp.people.search_words import KEYS, Filter, SearchWords, day, of, parse

TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("query", "text", "filters"),
    [
        ("rye bread", "rye bread", []),
        ("tag:recipes rye", "rye", [("tag", "recipes")]),
        ('rye project:"New house" TAG:a tag:b', "rye", [("project", "New house"), ("tag", "a"), ("tag", "b")]),
        ('tag:"not closed', "", [("tag", "not closed")]),
        ("before:2026-01-31 before:2025", "", [("before", "2025")]),
        ("tag:A tag:a", "", [("tag", "a")]),
        ("tag:", "", [("tag", "")]),
        # No words of this kind: others with a colon, and what is within a word or in quotes.
        ('foo:bar https://a.example/?tag:x "tag:x"', 'foo:bar https://a.example/?tag:x "tag:x"', []),
        ("notag:x x-tag:y", "notag:x x-tag:y", []),
    ],
)
def test_words_that_narrow_a_search_are_told_from_its_text(query, text, filters):
    words = parse(query)
    assert (words.text, [(filter.key, filter.value) for filter in words.filters]) == (text, filters)


@given(st.text(max_size=30), st.lists(st.tuples(st.sampled_from(list(KEYS)), st.text(max_size=20)), max_size=5))
def test_every_text_is_a_query_and_what_is_written_is_read_again(text, filters):
    words = parse(str(of(text, filters)))
    assert parse(str(words)) == words
    assert parse(text).text == parse(str(parse(text))).text


def test_one_of_them_can_be_taken_off():
    words = parse("rye tag:a tag:b")
    assert str(words.without(Filter("tag", "a"))) == "tag:b rye"
    assert words.without(Filter("tag", "c")) == words == SearchWords("rye", (Filter("tag", "a"), Filter("tag", "b")))


@pytest.mark.parametrize(
    ("value", "first"),
    [
        ("2026-01-31", date(2026, 1, 31)),
        ("2026-1-3", date(2026, 1, 3)),
        ("2026-02", date(2026, 2, 1)),
        ("2025", date(2025, 1, 1)),
        ("today", TODAY),
        ("Yesterday", date(2026, 2, 28)),
        *((value, None) for value in ("", "soon", "2026-02-30", "2026-13", "0000", "9999", "20٢6", "2026-01-31T10:00", "ada")),
    ],
)
def test_a_date_is_a_day_a_month_or_a_year(value, first):
    assert day(value, TODAY) == first
