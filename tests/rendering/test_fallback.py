"""A text on which the renderer fails is shown as plain text, and none of it is lost."""

import logging

import nh3
import pytest
from greenlet import GreenletExit
from markdown_it.rules_core import StateCore

from webapp.rendering.markdown import GrowingMarkdown, Seam, parser, render

# A lone surrogate: neither a database nor the renderer accepts one.
BROKEN = "half \ud800 of <b>it</b>\nand more"
SHOWN = "half ? of &lt;b&gt;it&lt;/b&gt;<br>\nand more"


def failing_at(word: str):
    """Returns a parser that fails on every text with this word."""

    def fail(state: StateCore) -> None:
        if word in state.src:
            raise IndexError(word)

    return parser_with(fail)


def panicking_at(word: str):
    """Returns a parser that makes Rust panic on every text with this word."""

    def panic(state: StateCore) -> None:
        if word in state.src:
            # nh3 asserts that no tag is both allowed and removed with its content.
            nh3.clean(word, tags={"script"}, clean_content_tags={"script"})

    return parser_with(panic)


def parser_with(rule):
    made = parser()
    made.core.ruler.push("fail", rule)
    return made


def test_a_whole_text_is_shown_as_it_is_and_that_is_logged_once(caplog):
    with caplog.at_level(logging.ERROR):
        assert render(BROKEN) == f"<p>{SHOWN}</p>\n"
    assert len(caplog.records) == 1
    assert "of it" not in caplog.text


def test_a_seam_is_shown_even_then():
    assert render(BROKEN, [Seam(4, "cut here")]).count("cut here") == 1
    growing = GrowingMarkdown([Seam(4, "cut here")])
    growing.feed(BROKEN)
    assert growing.finish().html.count("cut here") == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_what_was_sealed_stays_and_the_rest_is_shown_as_it_grows(size, caplog):
    text = f"# One\n\n*Two*\n\n{BROKEN}\n\n*three* & four"
    growing, changes = GrowingMarkdown(), []
    with caplog.at_level(logging.ERROR):
        for start in range(0, len(text), size):
            changes += growing.feed(text[start : start + size])
        whole = growing.finish()
    assert whole.html.endswith(f"{SHOWN}<br>\n<br>\n*three* &amp; four</p>\n")
    assert not whole.differs
    assert whole.html.startswith("".join(growing.sealed))
    assert [change.html for change in changes if change.kind == "seal"] == growing.sealed
    assert len(caplog.records) == 1


def test_one_that_fails_at_the_end_alone_is_whole():
    growing = GrowingMarkdown(markdown=failing_at("late"))
    growing.feed("*sealed*\n\nsome\n")
    growing.feed("late words")
    assert growing.finish().html == "<p><em>sealed</em></p>\n<p>some<br>\nlate words</p>\n"


def test_any_mistake_in_a_renderer_is_caught():
    assert render("all too late", markdown=failing_at("late")) == "<p>all too late</p>\n"


def test_a_panic_in_the_sanitiser_is_a_mistake_like_any_other():
    assert render("all too late", markdown=panicking_at("late")) == "<p>all too late</p>\n"

    growing = GrowingMarkdown(markdown=panicking_at("late"))
    growing.feed("*sealed*\n\nsome\n")
    growing.feed("late words\n")
    assert growing.finish().html == "<p><em>sealed</em></p>\n<p>some<br>\nlate words<br>\n</p>\n"


def test_what_ends_a_greenlet_is_no_mistake():
    def leave(state: StateCore) -> None:
        raise GreenletExit

    with pytest.raises(GreenletExit):
        render("anything", markdown=parser_with(leave))
