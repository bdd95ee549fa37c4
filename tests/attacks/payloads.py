"""Hostile texts with the place each is meant for, and parsers that extract the messages of a page or stream for the rules."""

from collections.abc import Iterable, Iterator
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from tests.chat.listener import PART
from tests.rendering.edited import EDIT, Edited
from tests.rendering.rules import breaches
from tests.rendering.test_hostile_texts import ATTACKS, rules_for, text_of

SHORT_CHARS = 5_000
TEXTS = [
    attack
    for attack in ATTACKS["payloads"]
    if attack["surface"] in ATTACKS["html_surfaces"] and len(text_of(attack)) <= SHORT_CHARS
]
OF_MODELS = [attack for attack in ATTACKS["payloads"] if attack["surface"] == "sse_text"]
# For names of people, groups, models and connections, titles and error messages: all that a page shows as plain text.
AS_TEXT = [
    "<img src=x onerror=steal(1)>",
    '"><script>steal(2)</script>',
    "' autofocus onfocus='steal(3)",
    "</title></textarea></option></select><b>bold</b>",
    "<hx-partial hx-target=body>gone</hx-partial>",
    "{{ 7 * 7 }}{% raw %}",
    "<!--<script>",
    "&lt;b&gt;&amp;",
]


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def wrong_in_page(html: str, payload: dict[str, Any]) -> list[Any]:
    """Returns the rule violations in a page's messages."""
    texts = [node.inner_html or "" for node in LexborHTMLParser(html).css(".message-text")]
    return [found for text in texts for found in breaches(text, rules_for(payload))]


def wrong_in_stream(stream: Iterable[str], payload: dict[str, Any]) -> list[Any]:
    """Returns the rule violations in a stream's messages.

    Only our partials and edits of the open text are allowed, and in them only what the rules allow, in whatever the page
    contains after each.
    """
    wrong, open_text = list[Any](), Edited()
    for data in stream:
        texts = [text for target, html in _parts(data) for text in _texts(target, html)]
        if EDIT.fullmatch(data):
            open_text.take(data)
            texts.append(open_text.html)
        elif outside := PART.sub("", data):
            wrong.append(("outside of its part", outside))
        wrong += [found for text in texts for found in breaches(text, rules_for(payload))]
    return wrong


def _parts(data: str) -> Iterator[tuple[str, str]]:
    return ((target, html) for target, _, html in PART.findall(data))


def _texts(target: str, html: str) -> list[str]:
    """Returns the message texts in a partial: all of one that targets a text, or the texts inside one with whole messages."""
    if target.startswith("#message-") and ("-text" in target or "-tail" in target or "-reasoning" in target):
        return [html]
    return [node.inner_html or "" for node in LexborHTMLParser(html).css(".message-text, .thought__text")]
