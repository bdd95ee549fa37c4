"""Pages in a made-up language, in which each text is in brackets: what is not in brackets has no translation."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from selectolax.lexbor import LexborHTMLParser

from scripts.languages import messages
from tests.conftest import MakeApp, signed_in
from tests.support.catalogues import bracketed, write_catalogue

READ = ("title", "aria-label", "aria-description", "placeholder", "alt", "label", "aria-valuetext")
KEPT = "script, style, svg, pre, code, kbd, samp, time, .message-text, [translate=no]"
IN_BRACKETS = re.compile(r"\[[^\[\]]*\]")
WORD = re.compile(r"[^\W\d_]{2,}")
# Names, units, and moments, whose formats this language hasn't got.
OTHERS = re.compile(r"Millrace|owner(@example\.org)?|[Dd]emo(: \w+)?|Hello|\d+ \w+ \d{4}, [\d:]+ UTC")
PAGES = ["/", "/chats", "/chats?q=zzz", "/chats/trash", "/tags", "/projects", "/presets/new", "/import", "/links"]
OF_CHAT = ["", "/prompts", "/people", "/links", "/project", "/tags", "/cast", "/menu", "/tools"]


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> Flask:
    texts = {text: tuple(map(bracketed, text)) if isinstance(text, tuple) else bracketed(text) for _, _, text, _ in messages()}
    write_catalogue(tmp_path / "compiled" / "languages", "eo", texts)
    return make_app()


def english(html: str) -> Iterator[str]:
    """Yields the words of a page that are in no brackets."""
    tree = LexborHTMLParser(html)
    shown = [value for node in tree.css("*") for name, value in node.attributes.items() if name in READ and value]
    for node in tree.css(KEPT):
        node.decompose()
    for words in [*shown, tree.body.text(separator="\n") if tree.body else ""]:
        while IN_BRACKETS.search(words):
            words = IN_BRACKETS.sub("", words)
        yield from WORD.findall(OTHERS.sub("", words))


def test_no_page_of_chats_has_a_word_without_a_translation(app: Flask) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    owner.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "eo"
    chat = owner.post("/chats", message="Hello").location.partition("#")[0]
    owner.wait_for(chat, lambda page: "completed" in page.text)
    assert not {
        path: words for path in [*PAGES, *(chat + part for part in OF_CHAT)] if (words := [*english(owner.page(path).text)])
    }
