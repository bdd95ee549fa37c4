"""Pictures in texts: those that a text may show are drawn with their sizes, wherever it is cut; all others are words or links."""

import pytest

from webapp.rendering import pictures
from webapp.rendering.markdown import GrowingMarkdown, render
from webapp.rendering.pictures import Size
from webapp.rendering.sanitise import clean
from webapp.rendering.text import plain

MILL, TREE = "/files/" + "0" * 25 + "m", "/files/" + "0" * 25 + "t"
SHOWN = {MILL: Size(1024, 768)}


def drawn(label: str = "picture", address: str = MILL) -> str:
    return (
        f'<span class="pictures"><a href="{address}" aria-label="Open {label}"><img src="{address}" alt="{label}"'
        ' width="480" height="360" loading="lazy" decoding="async"></a></span>'
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (f"![picture]({MILL})", f"<p>{drawn()}</p>"),
        (f"Here:\n\n![picture]({MILL})\n\nMore", f"<p>Here:</p>\n<p>{drawn()}</p>\n<p>More</p>"),
        (f"- one ![]({MILL})", f"<ul>\n<li>one {drawn('image')}</li>\n</ul>"),
        (f'![a "b" <i>]({MILL})', f"<p>{drawn('a &quot;b&quot; &lt;i&gt;')}</p>"),
        # Of another chat, or elsewhere.
        (f"![picture]({TREE})", "<p>picture</p>"),
        (f"![picture](//evil.example{MILL})", "<p>picture</p>"),
        (f"![picture]({MILL}?download)", "<p>picture</p>"),
        (f"[![picture]({MILL})](https://a.example)", "picture</a></p>"),
        (f"`![picture]({MILL})`", f"<p><code>![picture]({MILL})</code></p>"),
        (f'<img src="{MILL}">', f'<p>&lt;img src="{MILL}"&gt;</p>'),
    ],
)
def test_a_text_shows_the_pictures_that_it_may(text, html):
    assert render(text, pictures=SHOWN).strip().endswith(html)


def test_a_text_cannot_write_what_is_held():
    held = pictures.placeholder(TREE, "x", Size(1, 1)).replace(pictures.OPEN, "\ue000picture-0-")
    assert "<img" not in render(held) + render(held.replace("\ue000", "&#xe000;")) + clean(f"<p>{held}</p>")


def test_a_growing_text_shows_them_at_once_and_in_the_end():
    text = f"Here:\n\n![picture]({MILL})\n\nAnd [a link][1].\n\n[1]: https://a.example\n"
    growing = GrowingMarkdown()
    growing.show(SHOWN)
    for piece in ("Here:", f"\n\n![picture]({MILL})"):
        growing.feed(piece)
    assert drawn() in growing.snapshot()
    growing.feed(text.removeprefix(f"Here:\n\n![picture]({MILL})"))
    assert growing.finish().html == render(text, pictures=SHOWN)
    assert drawn() in growing.finish().html


def test_its_words_are_its_name():
    assert plain(f"See ![a mill]({MILL})") == "See a mill"
