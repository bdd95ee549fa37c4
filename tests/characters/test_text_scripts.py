"""Text scripts: how they are read from a card, what they do to a text, and what hostile ones can't do."""

import pytest

from tests.support.speed import takes_at_most
from webapp.characters import text_scripts
from webapp.characters.macros.macros import Names
from webapp.characters.text_scripts import (
    MOST_MATCHES,
    RESULT_BYTES,
    TEXT_BYTES,
    applied,
    for_pages,
    for_prompts,
    named,
    script_of,
    scripts_in,
    usable,
    without_html,
)
from webapp.rendering import markdown

FULL = {
    "id": "1",
    "scriptName": "Status",
    "findRegex": r"/<status>([\s\S]*?)<\/status>/g",
    "replaceString": "> $1",
    "trimStrings": ["HP"],
    "placement": [2],
    "disabled": False,
    "markdownOnly": True,
    "promptOnly": False,
    "runOnEdit": True,
    "substituteRegex": 0,
    "minDepth": None,
    "maxDepth": 4,
}


def script(find: str, new: str = "", **more):
    found = script_of({"findRegex": find, "replaceString": new, "placement": [1, 2], **more})
    assert found
    return found


def test_a_script_is_read_from_its_card():
    (found,) = scripts_in([FULL, 3, {}, {"findRegex": ""}, {"findRegex": ["x"]}])

    assert (found.name, found.trims, found.placements, found.most_depth) == ("Status", ("HP",), (2,), 4)
    assert (found.is_enabled, found.is_shown, found.is_sent, found.trouble) == (True, True, False, "")
    assert scripts_in({"a": 1}) == scripts_in(None) == []
    odd = {"findRegex": "a", "placement": "2", "minDepth": "3", "maxDepth": -1, "trimStrings": 4, "substituteRegex": []}
    assert script_of(odd).placements == ()


@pytest.mark.parametrize(
    ("flags", "shown", "sent"),
    [({}, True, True), ({"markdownOnly": True}, True, False), ({"promptOnly": True}, False, True)]
    + [({"markdownOnly": True, "promptOnly": True}, True, True)],
)
def test_it_is_for_pages_or_for_prompts_or_for_both(flags, shown, sent):
    found = [script("/a/", **flags)]

    assert (len(for_pages(found)), len(for_prompts(found))) == (shown, sent)


CASES = [
    ("/a/g", "b", "banana", "bbnbnb"),
    ("/a/", "b", "banana", "bbnana"),
    ("a", "b", "banana", "bbnana"),
    ("/(b)(a)/", "$2$1", "banana", "abnana"),
    ("/(?<first>b)/", "[$<first>|$<none>|$7]", "ba", "[b||]a"),
    ("/an/gi", "<{{match}}>", "bANana", "b<AN><an>a"),
    ("/^x$/gm", "y", "x\nx", "y\ny"),
    ("/a.c/s", "-", "a\nc", "-"),
    (r"/\u4f60[^]*/", "", "a你\nb", "a"),
    (r"/\u{1F600}/u", ":)", "😀", ":)"),
    ("/x*/g", "-", "ab", "-a-b-"),
    ("/x*/g", "-", "é你", "-é-你-"),
    ("/é/g", "$0$0", "aéb\ud800", "aééb?"),
    ("/é/g", "e", "a\ud800", "a\ud800"),
    (r"/“(.*?)”/g", "“**$1**”", "“é” ü “ö”", "“**é**” ü “**ö**”"),
    ("/a/g", r"\1 $& $$", "a", r"\1 $& $$"),
]


@pytest.mark.parametrize(("find", "new", "text", "result"), CASES)
def test_it_replaces_as_sillytavern_does(find, new, text, result):
    assert applied([script(find, new)], text) == result


def test_scripts_follow_each_other_and_trim_what_they_found():
    found = [script("/a/g", "b"), script("/b+/", "[$0]", trimStrings=["b"]), script("/c/", "d")]

    assert applied(found, "aac") == "[]d"


def test_depth_counts_from_the_end():
    found = script("/a/", minDepth=1, maxDepth=2, placement=[2])

    assert [found.fits("assistant", depth) for depth in range(4)] == [False, True, True, False]
    assert not found.fits("user", 1)


def test_names_are_filled_in():
    literally = script("/{{user}}/", "{{char}}", substituteRegex=2)
    names = Names(user="J.o", char="Mara")

    assert applied(named([literally], names), "Jxo J.o") == "Jxo Mara"
    assert applied(named([script("/{{user}}/", substituteRegex=1)], names), "Jxo J.o") == " J.o"
    assert applied(named([script("/[{][{]user/", "{{user}}")], names), "{{user}}") == "J.o}}"
    assert text_scripts.has_names([literally])
    assert not text_scripts.has_names([script("/a/", "b")])


@pytest.mark.parametrize(
    ("find", "words"),
    [
        ("/a(?=b)/", "Look-ahead"),
        ("/(?<!a)b/", "Look-ahead"),
        (r"/(a)\1/", "earlier group"),
        (r"/(?<x>a)\k<x>/", "earlier group"),
        ("/(?>a)/", "Atomic"),
        ("/a{1,2000}/", "repeats"),
        ("/(?:.{1,30}){1,10}y/s", "too large"),
        ("/[/", "valid"),
        ("/\ud800/", "valid"),
        ("x" * 2_001, "too long"),
    ],
)
def test_what_cannot_be_used_is_kept_and_says_why(find, words):
    found = script(find, "x")

    assert words in found.trouble
    assert usable([found]) == []
    assert applied([found], "aab") == "aab"


def test_a_script_for_other_places_says_so():
    assert "neither" in script("/a/", placement=[3, 6]).trouble


@pytest.mark.slow
def test_hostile_scripts_are_bounded():
    nested, doubling = r"/(?:a?){200}a{200}x/g", [script("/a/g", "aa")] * 50

    with takes_at_most(1):
        assert applied([script(nested)], "a" * TEXT_BYTES) == "a" * TEXT_BYTES
    assert len(applied(doubling, "aaaa").encode()) <= RESULT_BYTES
    assert applied([script("/a/g", "b" * 20_000)], "a" * 10) == "a" * 10
    assert applied([script("/a/g", "b")], "é" * TEXT_BYTES) == "é" * TEXT_BYTES
    assert applied([script("/a/g", "b")], "a" * (MOST_MATCHES + 1)).endswith("ba")
    assert applied(doubling, "a", is_late=lambda: True) == "a"
    assert len(usable([script("/a/")] * 60)) == text_scripts.MOST_SCRIPTS


def test_html_becomes_words_and_stays_inert():
    html = """<style>p { color: red }</style>
    <div onclick="x()"><b>HP</b>: $1<br>
        <details open><summary>More</summary>Rye &amp; flour</details></div><script>alert(1)</script><!-- x -->"""
    (found,) = for_pages([script(r"/<hp>(.*?)<\/hp>/", html)])

    text = applied([found], "<hp>3 <img src=x onerror=alert(1)></hp>")

    assert "HP: 3" in text
    shown = markdown.render(text)
    assert "<details>\n<summary>More</summary>\n<p>Rye &amp; flour</p>\n</details>" in shown
    assert "<img" not in shown
    assert "onclick" not in shown
    assert "<script" not in shown
    assert without_html("a < b and **c** <3") == "a < b and **c** <3"
    assert without_html("```html\n<p>x</p>\n```\n<p>y</p>") == "```html\n<p>x</p>\n```\n\ny\n"


@pytest.mark.parametrize("text", ["<a" * 10_000, "<" + "a" * 20_000, "<style>" * 2_800, "<!--" * 5_000, "```" * 6_000])
def test_unclosed_html_takes_no_longer(text):
    with takes_at_most(0.2):
        without_html(text + "<p>")
