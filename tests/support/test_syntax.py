"""The cached parser reports the same errors as one that parses every page."""

import re

import html5lib
import pytest
from hypothesis import given, settings, strategies as st

from tests.support.browser import Browser
from tests.support.rounds import ROUNDS
from tests.support.syntax import FRAGMENT, PAGE, places_of, syntax_errors

NAMES = re.findall(
    r"\w+",
    """a b button dd details div dl dt em fieldset form h1 h2 head label legend li main math mi noscript ol optgroup option p pre
    ruby section select span style summary svg table tbody td template textarea th thead title tr ul""",
)
ALONE = [
    "<br>",
    "<hr>",
    "<input>",
    '<input type="hidden">',
    '<img alt="">',
    """<img alt='"'>""",
    "<path/>",
    "<p/>",
    "<meta>",
    "Some words",
    " ",
    "&amp;",
    "&nosuch;",
]
HEAD = "<!doctype html><html><head><title>A</title></head>"
ROW = "<table><tbody><tr><td>%s</td></tr></tbody></table>"


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    whole = st.builds("<{0}>{1}</{0}>".format, st.sampled_from(NAMES), inner)
    return st.one_of(whole, whole, st.builds(str.__add__, inner, inner), st.builds(ROW.__mod__, inner))


MARKUP = st.recursive(st.sampled_from(ALONE), nested, max_leaves=12)


def has_errors(html: str, *, is_page: bool) -> bool:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    parser.parse(html) if is_page else parser.parseFragment(html)
    return bool(parser.errors)


@pytest.mark.slow
@pytest.mark.rounds
@settings(max_examples=150 * ROUNDS)
@given(MARKUP)
def test_what_is_remembered_changes_nothing(markup: str) -> None:
    for html, is_page in ((markup, False), (f"{HEAD}<body>{markup}</body></html>", True)):
        assert bool(list(syntax_errors(html, is_page))) == has_errors(html, is_page=is_page), html


def test_it_knows_a_place_again_by_the_tags_around_it() -> None:
    known = places_of('<ul><li class="a">One</li></ul>', FRAGMENT)

    assert known == places_of('<ul><li class="b">Two &amp; three</li> <li class="">Four</li></ul>', FRAGMENT) - {"#fragment>ul "}
    assert known != places_of('<ol><li class="a">One</li></ol>', FRAGMENT)
    assert known != places_of('<ul><li class="a" class="b">One</li></ul>', FRAGMENT)
    assert known != places_of('<ul><li class="a">One &nosuch;</li></ul>', FRAGMENT)


def test_a_value_may_end_as_one_begins() -> None:
    assert places_of('<a href="/?q=" id="b"></a>', FRAGMENT) == {'#fragment<a href="" id="">', "#fragment>a</a>"}


@pytest.mark.parametrize("html", ["<p>", "</p>", "<p><b></p></b>", "<P></P>", "<p class=a></p>", "<p", "<!-- a -->"])
def test_what_is_not_closed_as_it_was_opened_is_not_remembered(html: str) -> None:
    assert places_of(html, FRAGMENT) is None


@pytest.mark.slow
def test_pages_of_ours_are_remembered(owner: Browser) -> None:
    assert None not in [places_of(owner.page(path).text, PAGE) for path in ("/", "/chats", "/settings", "/plans")]


def test_a_second_head_is_no_known_place() -> None:
    assert list(syntax_errors(f"{HEAD}<body>A</body></html>", True)) == []

    wrong = f"{HEAD}<head></head><body>A</body></html>"
    assert places_of(wrong, PAGE) is not None
    assert list(syntax_errors(wrong, True))
