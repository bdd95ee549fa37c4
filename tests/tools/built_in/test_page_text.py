"""Web pages as text: what a reader sees, with headings, lists and links, and nothing else."""

import re
from random import Random

import pytest

from webapp.tools.built_in.page_text import LEAST_MAIN, MOST_TAGS, decoded, readable

ADDRESS = "https://example.org/animals/otters"
CASES = {
    "headings and paragraphs": (
        "<h1>Otters</h1><p>One <em>two</em>\n three<h2>Food</h2><p>Fish",
        "# Otters\n\nOne two three\n\n## Food\n\nFish",
    ),
    "lists": (
        "<ul><li><p>one</p><li>two<ol><li>inner</ol><li>three</ul>after",
        "- one\n- two\n  - inner\n- three\n\nafter",
    ),
    "tables": ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "a | b\n1 | 2"),
    "code": (
        "<p>Run<pre>\n<code>def f():\n    return  1\n</code></pre>now",
        "Run\n\n```\ndef f():\n    return  1\n```\n\nnow",
    ),
    "line breaks": ("one<br>two<br/><br>three<hr>four", "one\ntwo\nthree\nfour"),
    "a whole link": ('<a href="https://other.example/x?y=1">Other</a>.', "[Other](https://other.example/x?y=1)."),
    "a link of this site": ('see <a href="/fish"> the fish </a>!', "see [the fish](https://example.org/fish) !"),
    "a relative link": ('<a href="sea">sea</a>', "[sea](https://example.org/animals/sea)"),
    "a base": ('<base href="/else/"><a href="sea">sea</a>', "[sea](https://example.org/else/sea)"),
    "a link within the page": ('<a href="#food">food</a>', "food"),
    "a script as a link": ('<a href="javascript:go()">go</a><a href="data:text/html,x">x</a>', "gox"),
    "a link that breaks out": ('<a href="/a)(b">out</a><a href="http://[">in</a>', "outin"),
    "a card": (
        '<a href="/sea"><h3>Sea otter</h3><p>It floats.</p></a>',
        "### [Sea otter](https://example.org/sea)\n\nIt floats.",
    ),
    "links in links": ('<a href="/a">a<a href="/b">b</a></a>c', "[a](https://example.org/a)[b](https://example.org/b)c"),
    "navigation": ("<nav><ul><li>Home</ul></nav><div role=navigation>Menu</div>Text<footer>Imprint</footer>", "Text"),
    "a footer of an article": ("<article>Text<footer>By Ann</footer></article>", "Text\nBy Ann"),
    "scripts": ("a<script>if (1 < 2) x()</script><style>p {}</style><noscript>no</noscript>b", "ab"),
    "drawings": ("a<svg><title>Logo</title><path/><text>t</text></svg>b", "ab"),
    "hidden parts": (
        "a<p hidden>b</p><div style='color: red; display : none'><div>c</div>d</div><span aria-hidden=true>e</span>"
        "<i style='font-size:0'>f</i><b style='opacity:0.5'>g</b><template>h</template>",
        "a\n\ng",
    ),
    "a hidden part without an end": ("<p hidden>no<p>yes<ul><li hidden>no<li>yes</ul>", "yes\n\n- yes"),
    "a page that a script shows": ("<body style='opacity:0'>text", "text"),
    "comments": ("a<!-- b > --><?php c ?><!doctype x>d<![CDATA[e]]>", "ad"),
    "ends of nothing": ("</div></p>a</b>b", "ab"),
    "entities": ("a &lt;b&gt; &amp; &#169; &#0; &nope;", "a <b> & © � &nope;"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_page_is_text(name: str) -> None:
    html, text = CASES[name]
    assert readable(html, ADDRESS, 1_000_000)[1] == text


def test_the_main_part_is_all_that_is_read_if_it_has_text() -> None:
    long = "Otters swim. " * 20
    page = "<title>Otters &amp; co</title><header>Shop</header><{0}><h1>Otters</h1>{1}</main></div><aside>More</aside>"
    for begin in ("main", "div role=main"):
        title, text = readable(page.format(begin, long), ADDRESS, 1_000_000)
        assert (title, text) == ("Otters & co", f"# Otters\n\n{long.strip()}")
    assert len(long) > LEAST_MAIN
    assert readable(page.format("main", "Short."), ADDRESS, 1_000_000)[1] == "Shop\n\n# Otters\n\nShort.\n\nMore"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Öl".encode(), "Öl"),
        ("Öl".encode("utf-16"), "Öl"),
        ("\ufeffÖl".encode(), "Öl"),
        ("Öl".encode("latin-1"), "Öl"),
        (b"<meta charset='iso-8859-2'>" + "Łódź".encode("iso-8859-2"), "<meta charset='iso-8859-2'>Łódź"),
        (
            b'<meta content="text/html; charset=Shift_JIS">' + "油".encode("shift_jis"),
            '<meta content="text/html; charset=Shift_JIS">油',
        ),
        # Declarations that can't be true, or that name a codec of another kind.
        (b"<meta charset=utf-16>\xff", "<meta charset=utf-16>�"),
        (b"<meta charset=utf-8>\xff\xc3\xb6", "<meta charset=utf-8>�ö"),
        (b"<meta charset=punycode>\xd6", "<meta charset=punycode>Ö"),
        (b"<meta charset=zip>\xd6", "<meta charset=zip>Ö"),
        (b"a\0b\x07c", "abc"),
    ],
)
def test_a_page_is_decoded_by_what_it_is(raw: bytes, text: str) -> None:
    assert decoded(raw) == text


ENDLESS = {
    "open elements": "<div>" * 400_000,
    "unknown ends": "<b>" * 200_000 + "</i>" * 200_000,
    "comments": "<!--" * 500_000,
    "declarations": "<![" * 600_000,
    "instructions": "<?" * 1_000_000,
    "tags": "<a " * 700_000,
    "attributes": "<a " + "b " * 900_000 + ">",
    "quotes": "<a href='" * 200_000 + ">",
    "scripts": "<script>" * 250_000,
    "lists": "<ul><li>x" * 200_000,
    "links": "<a href='/fish'>fish</a> " * 100_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDLESS)
def test_whatever_a_page_repeats_is_read_within_its_bounds(name: str) -> None:
    _, text = readable(ENDLESS[name], ADDRESS, 300_000)
    # A piece of text that is not a tag is counted when it is whole.
    assert len(text) <= max(1_000_000, len(ENDLESS[name]))
    assert text.count("[fish]") <= MOST_TAGS


HIDING = (
    "<div hidden>{}</div>",
    "<section style='display:none'>{}</section>",
    "<nav>{}</nav>",
    "<b aria-hidden='true'>{}</b>",
    "<template>{}</template>",
)
SHOWING = (
    "<div>{}</div>",
    "<section>{}</section>",
    "<ul><li>{}</li></ul>",
    "<b>{}</b>",
    "<a href='/x'>{}</a>",
    "<table><tr><td>{}</td></tr></table>",
    "{}<br>",
)
ODD = ("<", ">", "&#x", "<!--", "-->", "<pre>", "</pre>", "<p>", "</p>", "<p hidden>", "word", "<title>", "\0", "]]>", "<a href=")
SOUP = (*(piece for form in (*HIDING, *SHOWING) for piece in form.split("{}")), *ODD)


def tree(random: Random, depth: int, is_hidden: bool, words: dict[str, bool]) -> str:
    """Returns a random page, whose words are noted with whether a reader sees them."""
    parts = []
    for _ in range(random.randrange(1, 4)):
        if depth and random.random() < 0.7:
            hides = random.random() < 0.25
            inner = tree(random, depth - 1, is_hidden or hides, words)
            parts.append(random.choice(HIDING if hides else SHOWING).replace("{}", inner))
        else:
            word = f"w{len(words)}x"
            words[word] = not is_hidden
            parts.append(f" {word} ")
    return "".join(parts)


def test_a_reader_sees_every_word_that_is_not_hidden() -> None:
    for number in range(200):
        words: dict[str, bool] = {}
        html = tree(Random(number), 6, False, words)
        text = readable(f"<body>{html}", ADDRESS, 1_000_000)[1]
        assert set(re.findall(r"w\d+x", text)) == {word for word, is_seen in words.items() if is_seen}, number


def test_a_soup_of_tags_is_read_to_its_end() -> None:
    for number in range(300):
        random = Random(number)
        html = "".join(random.choices(SOUP, k=random.randrange(200)))
        assert "<script" not in readable(html, ADDRESS, 1_000_000)[1]
