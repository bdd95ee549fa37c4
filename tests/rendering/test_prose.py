"""Plain prose takes a short way through the parser and the sanitizer, with the same result as the long one."""

import pytest
from hypothesis import given, settings, strategies as st

from tests.rendering.corpus import OURS, texts
from webapp.rendering.blocks import MAX_INLINE_CHARS, one_by_one
from webapp.rendering.elements import CURSOR
from webapp.rendering.markdown_rules import parser
from webapp.rendering.prose import prose_tokens
from webapp.rendering.sanitise import clean, sanitized

MARKDOWN, BY_RULES = parser(), parser()
BY_RULES.core.ruler.at("block", one_by_one)
words = st.text(st.characters(categories=("L", "N", "P", "Zs", "M", "Cc")) | st.sampled_from("ab1 .,'\"-—_:()\n"), max_size=20)
plain = st.text(st.sampled_from("abä中1 .,'\"!?;:()…—-\n\n"), max_size=60)


def check(text: str) -> None:
    short, long = (markdown.parse(text, {"references": {}}) for markdown in (MARKDOWN, BY_RULES))
    assert [token.as_dict() for token in short] == [token.as_dict() for token in long]
    markup = MARKDOWN.renderer.render(short, MARKDOWN.options, {})
    for drawn in (markup, markup.replace("</p>", f"{CURSOR}</p>")):
        assert clean(drawn) == sanitized(drawn)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(words, plain, plain.map(lambda text: f"A{text}\n\n")), max_size=5).map("".join))
def test_tokens_and_markup_are_the_same(text: str) -> None:
    check(text)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(texts(3))
def test_they_are_the_same_for_any_document(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "Prose, “quoted” and 'so' – \"on\"; (1) 2.5: it’s…",
        "One  \n\n\n\nTwo\n",
        "שלום and مرحبا",
        "See www.example.org: or",
        "Cited at the end. 3",
    ],
)
def test_prose_is_not_parsed_by_rules(text: str) -> None:
    assert prose_tokens(text, MAX_INLINE_CHARS)
    check(text)


@pytest.mark.parametrize(
    "text", ["", "\n", "1. a", "- a", "a\n---", "a\nb", " a", "a *b*", "_a_", "a & b", "a\u00a0b", "a" * 5_001, *OURS]
)
def test_other_text_is_parsed_by_rules(text: str) -> None:
    assert not prose_tokens(text, MAX_INLINE_CHARS)
