"""The hostile texts, where each is meant to stand, and what a page hears and shows, taken apart for the rules."""

from collections.abc import Iterable, Iterator
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from tests.chat.listener import PART
from tests.rendering.edited import EDIT, Edited
from tests.rendering.rules import breaches
from tests.rendering.test_attacks import ATTACKS, rules_for, text_of

SHORT_CHARS = 5_000
TEXTS = [
    each for each in ATTACKS["payloads"] if each["surface"] in ATTACKS["html_surfaces"] and len(text_of(each)) <= SHORT_CHARS
]
OF_MODELS = [each for each in ATTACKS["payloads"] if each["surface"] == "sse_text"]
# Names of people, groups, models and connections, titles, words of errors: whatever stands in a page as text.
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
    """What is wrong with the messages of a page."""
    texts = [node.inner_html or "" for node in LexborHTMLParser(html).css(".message-text")]
    return [found for text in texts for found in breaches(text, rules_for(payload))]


def wrong_in_stream(stream: Iterable[str], payload: dict[str, Any]) -> list[Any]:
    """What is wrong with the messages of a stream: only parts of ours and edits of the open text, and in them only what the
    rules allow, in whatever the page has after each.
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
    """The pieces of messages in a part: all of one that is aimed into a text, the texts of one that brings messages."""
    if target.startswith("#message-") and ("-text" in target or "-tail" in target or "-reasoning" in target):
        return [html]
    return [node.inner_html or "" for node in LexborHTMLParser(html).css(".message-text, .thought__text")]
