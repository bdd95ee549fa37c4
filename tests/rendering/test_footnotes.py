"""Footnotes and folded parts: their HTML, ids that are unique across messages, and what stays as written."""

import re

import pytest

from tests.rendering.test_markdown import grown
from webapp.rendering.footnotes import SCOPE, scoped
from webapp.rendering.markdown import GrowingMarkdown, render
from webapp.rendering.sanitise import clean
from webapp.rendering.text import plain

TEXT = "A claim[^1], again[^1] and [^named].\n\n[^1]: See **this**\nand that\n[^named]: Named\n[^9]: Of nothing\n"
FOLDED = "<details>\n<summary>More *here*</summary>\n\n**In** it\n\n</details>\n\nAfter\n"


def addresses(html: str) -> tuple[list[str], list[str]]:
    return re.findall(r'id="([^"]*)"', html), re.findall(r'href="#([^"]*)"', html)


def test_a_note_is_led_to_and_leads_back() -> None:
    ids, links = addresses(scoped(render(TEXT), "m1"))
    assert ids == ["m1-ref-1", "m1-ref-named", "m1-note-1", "m1-note-named", "m1-note-9"]
    assert links == ["m1-note-1", "m1-note-1", "m1-note-named", "m1-ref-1", "m1-ref-named"]


def test_no_address_is_there_twice() -> None:
    ids, _ = addresses(render(TEXT * 3))
    assert len(ids) == len(set(ids))


def test_a_growing_text_gives_its_own_addresses() -> None:
    growing = GrowingMarkdown(scope="m2")
    for letter in TEXT:
        growing.feed(letter)
        assert SCOPE not in growing.snapshot()
    assert growing.finish().html == scoped(render(TEXT), "m2")


@pytest.mark.slow
@pytest.mark.mostly_deep(2)
@pytest.mark.parametrize("text", [TEXT, TEXT + FOLDED, "- [^1]\n\n  [^1]: in a list\n", FOLDED + "[^1]\n\n[^1]: x\n\nEnd\n"])
def test_it_ends_the_same_at_every_cut(text: str) -> None:
    for at in range(1, len(text)):
        assert grown(text[:at], [1], []).finish().html == render(text[:at])


@pytest.mark.parametrize(
    "text", ["x[^a-z0-9 ]", "[^missing]", "`[^1]`", r"\[^1]", "[^1]:", "    [^1]: code", "[^" + "1" * 40 + "]"]
)
def test_what_is_no_note_stays_as_it_was_written(text: str) -> None:
    assert "<sup" not in render(text)


def test_nobody_can_write_what_is_drawn_behind_the_sanitiser() -> None:
    assert "<b" not in clean(f"\ue000ref-{b'1<b>'.hex()}\ue001")
    assert SCOPE not in render(f"a {SCOPE} b")


def test_a_part_is_folded_behind_its_summary() -> None:
    folded = "<details>\n<summary>More <em>here</em></summary>\n<p><strong>In</strong> it</p>\n</details>\n"
    assert render(FOLDED) == f"{folded}<p>After</p>\n"
    assert render("<DETAILS open><summary></summary>\nx") == "<details>\n<summary>Details</summary>\n<p>x</p>\n</details>\n"
    assert plain(FOLDED) == "More here\nIn it\nAfter"


@pytest.mark.parametrize(
    "text", ["<details onclick=a>\nx", "<summary>x</summary>", "a <details> b", "<script>x</script>", "</details>"]
)
def test_other_html_stays_text(text: str) -> None:
    assert not re.search("<(details|summary|script)", render(text))


def test_parts_in_parts_are_bounded() -> None:
    html = render("<details>\n" * 1_000)
    # A block that is too long is split in two.
    assert html.count("<details>") <= 48
    assert html.count("<details>") == html.count("</details>")
