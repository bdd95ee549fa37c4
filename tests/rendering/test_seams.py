"""Where the mark of a cut is shown."""

from datetime import UTC, datetime

import pytest

from tests.rendering.corpus import cut
from webapp.rendering.markdown import GrowingMarkdown, Seam, render

MARK = '<div class="seam">cut</div>\n'


def seam(text: str) -> tuple[str, list[Seam]]:
    """Returns the text without its `¦`, and a seam for each of them."""
    parts = text.split("¦")
    return "".join(parts), [Seam(len("".join(parts[: number + 1])), "cut") for number in range(len(parts) - 1)]


@pytest.mark.parametrize(
    ("marked", "html"),
    [
        ("One¦ more.\n\nTwo", "<p>One more.</p>\n| <p>Two</p>\n"),
        ("One¦\n\nTwo", "<p>One</p>\n| <p>Two</p>\n"),
        ("One\n\n¦Two", "<p>One</p>\n| <p>Two</p>\n"),
        ("One\n\n  ¦Two", "<p>One</p>\n| <p>Two</p>\n"),
        ("One\n\nT¦wo", "<p>One</p>\n<p>Two</p>\n| "),
        ("One\r¦\n\r\nTwo", "<p>One</p>\n| <p>Two</p>\n"),
        ("One\r\n\r¦\nTwo", "<p>One</p>\n| <p>Two</p>\n"),
        ("One\r\n\r\nT¦wo\r\n\r\nThree", "<p>One</p>\n<p>Two</p>\n| <p>Three</p>\n"),
        ("¦One", "| <p>One</p>\n"),
        ("One¦", "<p>One</p>\n| "),
        ("On¦e¦", "<p>One</p>\n| | "),
        ("- a\n- b¦\n- c\n\nEnd", "<ul>\n<li>a</li>\n<li>b</li>\n<li>c</li>\n</ul>\n| <p>End</p>\n"),
        ("One\n\n[a]: https://e¦.example\n\n[a]", '<p>One</p>\n| <p><a href="https://e.example" rel="R">a</a></p>\n'),
        ("[a]: https://e.example\n'ti¦\ntle'\n\nOne\n\nTwo", "| <p>One</p>\n<p>Two</p>\n"),
    ],
)
def test_it_stands_after_the_block_that_holds_the_cut(marked: str, html: str) -> None:
    text, seams = seam(marked)
    wanted = html.replace("| ", MARK).replace('"R"', '"noopener noreferrer nofollow ugc"')
    assert render(text, seams) == wanted
    for size in (1, 2, 3, 7, 100):
        growing = GrowingMarkdown(seams)
        for piece in cut(text, [size]):
            growing.feed(piece)
        assert growing.finish().html == wanted


def test_it_waits_while_the_block_can_still_grow() -> None:
    growing = GrowingMarkdown([Seam(3, "cut")])
    growing.feed("One")
    growing.feed(" more.\n")
    assert "seam" not in growing.snapshot()
    growing.feed("\nTwo\n")
    assert growing.sealed == ["<p>One more.</p>\n" + MARK]


def test_it_comes_between_two_blocks_that_are_sealed_at_once() -> None:
    growing = GrowingMarkdown([Seam(2, "cut")])
    growing.feed("One\n\nTwo\n\nThree\n")
    assert growing.sealed == [f"<p>One</p>\n{MARK}<p>Two</p>\n"]


def test_it_follows_a_closed_fence_at_once() -> None:
    growing = GrowingMarkdown([Seam(8, "cut")])
    growing.feed("```\na\n```\n")
    assert growing.sealed[0].endswith(MARK)


def test_its_label_is_text() -> None:
    assert render("", [Seam(0, "<b onclick=a>&")]) == '<div class="seam">&lt;b onclick=a&gt;&amp;</div>\n'


def test_a_seam_beyond_the_end_is_shown_at_the_end() -> None:
    assert render("One", [Seam(99, "cut")]) == "<p>One</p>\n" + MARK


def test_it_does_not_come_before_words_that_stand_before_the_cut() -> None:
    text, seams = seam("```\n```\none¦ two")
    growing = GrowingMarkdown(seams)
    growing.feed(text[:-4])
    assert "seam" not in growing.snapshot()
    growing.feed(text[-4:])
    assert growing.finish().html == render(text, seams)
    assert render(text, seams).endswith("<p>one two</p>\n" + MARK)


def test_its_moment_is_for_a_script_to_make_local() -> None:
    moment = '<time datetime="2026-03-01T09:05:00Z" data-clock="">09:05 UTC</time>'
    assert render("", [Seam(0, "on", datetime(2026, 3, 1, 9, 5, tzinfo=UTC))]) == f'<div class="seam">on {moment}</div>\n'
