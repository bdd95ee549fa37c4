"""The check that every page passes in the tests: it accepts valid pages and names what is wrong with others."""

import time

import pytest

from tests.support.markup import likeness_of, objections

GOOD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Chats</title>
<script src="/static/a.js"></script></head>
<body><main id="main"><h1>Chats</h1>
<form method="post" action="/chats" id="send">
<label for="m">Message</label><textarea id="m" name="m"></textarea><button>Send</button></form>
<select form="send" name="model" aria-label="Model"><option>a</option></select>
<div hx-sse:connect="/events" hx-swap="none"></div><img src="/a.png" alt=""><svg aria-hidden="true"><use href="/i.svg#x"/></svg>
%s</main></body></html>"""

WRONG = {
    "<p><div></p>": "unexpected-end-tag",
    "<b><i></b></i>": "adoption-agency",
    "<span": "solidus-in-tag",
    "<p a=1 a=2></p>": "duplicate-attribute",
    "&nosuch;": "named-entity",
    "<ul><li id=a></li><li id=a></li></ul>": "the id 'a' is given 2 times",
    "<form method=post></form>": "action and method are needed",
    "<form action=/a><button>Go</button></form>": "action and method are needed",
    "<input name=a>": "no accessible name",
    "<textarea name=a placeholder=Message></textarea>": "no accessible name",
    "<select name=a><option>Only this</option></select>": "no accessible name",
    "<button><svg aria-hidden=true></svg></button>": "no accessible name",
    "<a href=/></a>": "no accessible name",
    "<img src=/a.png>": "no alt",
    "<svg></svg>": "neither hidden",
    "<script>1</script>": "stands in the page",
    "<style>a{}</style>": "stands in the page",
    "<p style='color:red'></p>": "must not have style",
    "<p onclick='x()'></p>": "must not have onclick",
    "<p hx-on:click='x()'></p>": "must not have hx-on:click",
    "<a href='javascript:x()'>a</a>": "must not have href",
    "<a href=' JavaScript:x()'>a</a>": "must not have href",
    "<img alt='' src='https://evil.example/a.png'>": "must not have src",
    "<img alt='' src='//evil.example/a.png'>": "must not have src",
    "<label for=nowhere>A</label>": "refers by for to 'nowhere'",
    "<p aria-describedby='m nowhere'></p>": "refers by aria-describedby to 'nowhere'",
    "<button form=nowhere>A</button>": "refers by form to 'nowhere'",
    "<h1>Another</h1>": "exactly one <h1>",
}


def test_a_good_page_passes() -> None:
    assert objections(GOOD % "") == []


@pytest.mark.parametrize("markup", WRONG)
def test_what_is_wrong_is_named(markup: str) -> None:
    found = objections(GOOD % markup)

    assert any(WRONG[markup] in objection for objection in found), found


@pytest.mark.parametrize(
    ("part", "objection"),
    [("<title>Chats</title>", "no title"), (' lang="en"', "language"), ("<!doctype html>", "doctype")],
)
def test_a_page_must_be_whole(part: str, objection: str) -> None:
    page = GOOD % ""
    broken = page.replace(part, "" if part != "<!doctype html>" else "<!doctype html public>")

    assert any(objection in found for found in objections(broken))


@pytest.mark.parametrize(
    "fragment",
    [
        '<hx-partial hx-target="#a" hx-swap="beforeend"><p>a</p></hx-partial><hx-partial hx-target="#b"><b>b</b></hx-partial>',
        '<article id="message-1"><button form="actions" formaction="/stop">Stop</button></article>',
        '<p><time datetime="2026-03-01T12:00:00Z" title="1 March 2026">yesterday</time></p>',
    ],
)
def test_a_fragment_need_not_be_whole(fragment: str) -> None:
    assert objections(fragment) == []


def test_a_fragment_is_looked_at_too() -> None:
    assert objections("<p id=a></p><p id=a></p>")


def test_names_and_words_make_no_difference_but_where_they_stand_does() -> None:
    one, other = "01m7x25pxwgfm22fabjf632zpc", "01m7x25pxwgfm22fabjf632zpd"
    page = GOOD % '<p id="%s">Some words</p><p id="%s">Others</p>'
    assert objections(page % (one, other)) == []
    assert likeness_of(page % (one, other)) == likeness_of((page % (other, one)).replace("Others", "Other ones"))

    assert objections(page % (one, one)) == [f"the id '{one}' is given 2 times"]
    assert objections((page % (one, other)).replace("Others", "&nosuch;"))


ALIKE = {
    '<p><time datetime="2026-03-01T12:00:00Z" title="1 March 2026, 12:00 UTC">now</time></p>': (
        '<p><time datetime="2026-11-22T02:31:09Z" title="22 November 2026, 02:31 UTC">an hour ago</time></p>'
    ),
    '<button title="12 words in 0.3 s"></button>': '<button title="9 words in 1.2 s &#34;then&#34; &amp; more"></button>',
    "<p>$0.0001 · 12 tokens</p>": "<p>It&#39;s “free” &lt;now&gt;, 100 %</p>",
}
UNLIKE = {
    "<a href='/'>One</a>": "<a href='/'>\N{NO-BREAK SPACE}</a>",
    '<button title="Copy"></button>': '<button title=" "></button>',
    '<p title="One">a</p>': '<p title="&nosuch;">a</p>',
    "<p>One</p>": "<p>One\x01</p>",
    "<p>Two</p>": "<p>One & &nosuch;</p>",
    '<p title="Three">a</p>': '<p title="One" title="Two">a</p>',
}


@pytest.mark.parametrize("part", ALIKE)
def test_moments_titles_and_words_make_no_difference(part: str) -> None:
    assert likeness_of(GOOD % part) == likeness_of(GOOD % ALIKE[part])


@pytest.mark.parametrize("part", UNLIKE)
def test_what_could_be_wrong_makes_one(part: str) -> None:
    assert objections(GOOD % part) == []
    assert objections(GOOD % UNLIKE[part])


@pytest.mark.slow
def test_a_long_page_is_looked_at_in_good_time() -> None:
    started = time.perf_counter()
    objections(GOOD % ("<p>Some words <b>and more</b> of them.</p>" * 2000))

    assert time.perf_counter() - started < 5


def test_a_script_of_ours_that_is_loaded_twice_is_refused() -> None:
    script = '<script src="/static/js/page.js?v=1"></script>'

    assert not objections(GOOD % script)
    assert "a script is loaded twice" in objections(GOOD % (2 * script))[0]
