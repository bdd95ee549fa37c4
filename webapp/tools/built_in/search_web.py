"""Searching the web by the connection that an admin has chosen: by a model, as a tool, or for one that takes no tools."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from webapp.base.languages import gettext as _
from webapp.base.visible_text import visible
from webapp.tools import search_connections
from webapp.tools.built_in.texts import MOST_CHARS, QUOTED, bounded, said, web_source
from webapp.tools.search_connections import WebHit
from webapp.tools.tool import READS_THE_WORLD, CallContext, Result, Tool, ToolFailed

USUAL_HITS, MOST_HITS = 5, 8
# Brave takes no longer ones.
MOST_QUERY, MOST_QUERY_WORDS = 400, 50
# What is looked at of a person's message, which can be as long as a book.
MOST_MESSAGE = 20_000
SENTENCES_END = re.compile(r"(?<=[.!?\u3002\uff1f])\s+")
NOTHING_FOUND, NO_WORDS = "Nothing was found. Try other words.", "Say what to search for."
CITE = f"{QUOTED} Cite a page by its number, such as [{{}}]. The extracts are short: use read_page for what you rely on."
# For a model that takes no tools: how long its answer waits for the search, and how much the search may return.
BEFORE_SECONDS, BEFORE_CHARS = 8.0, 8_000
CITE_ONLY = f"{QUOTED} Cite a page by its number, such as [{{}}]. If the extracts don't answer the question, say so."


def search(
    context: CallContext,
    arguments: Mapping[str, Any],
    *,
    most_chars: int = MOST_CHARS,
    seconds: float = search_connections.SECONDS,
    cite: str = CITE,
) -> Result:
    """Returns the first hits, each with its title, address and extract."""
    query = _bounded(str(arguments["query"]))
    if not query:
        raise ToolFailed(NO_WORDS)
    limit = min(int(arguments.get("limit", USUAL_HITS)), MOST_HITS)
    hits = search_connections.search(query, limit, stop=context.stop, seconds=seconds)
    if not hits:
        return Result(NOTHING_FOUND)
    numbered = list(enumerate(hits, context.first_source))
    texts = (cite.format(context.first_source), *(_shown(number, hit) for number, hit in numbered))
    sources = (web_source(number, hit.address, hit.title or hit.host, hit.extract) for number, hit in numbered)
    outside = tuple(dict.fromkeys(hit.host for hit in hits))
    return Result(bounded("\n\n".join(texts), most_chars), tuple(sources), outside)


def query_for(text: str) -> str:
    """Returns what to search for, of a text that a person wrote: without code and quotes and, if it is long, its questions."""
    text = text[:MOST_MESSAGE]
    words = " ".join(_own_lines(text)).strip() or text
    if len(words.split()) > MOST_QUERY_WORDS or len(words) > MOST_QUERY:
        questions = [sentence for sentence in SENTENCES_END.split(words) if sentence.endswith(("?", "\uff1f"))]
        words = " ".join(questions) or words
    return _bounded(words)


def _own_lines(text: str) -> Iterator[str]:
    """Yields the lines that are neither quoted nor code."""
    fence = ""
    for line in text.splitlines():
        mark = line.lstrip()[:3]
        if mark in ("```", "~~~"):
            fence = "" if fence == mark else fence or mark
        elif not (fence or mark.startswith(">")):
            yield line


def _bounded(words: str) -> str:
    """Returns a query in one line, as long as every service takes it."""
    return " ".join(visible(words).split()[:MOST_QUERY_WORDS])[:MOST_QUERY].rstrip()


def _shown(number: int, hit: WebHit) -> str:
    return "\n".join(filter(None, (f"[{number}] {hit.title or hit.host}", hit.address, hit.extract)))


def _says(arguments: Mapping[str, Any]) -> str:
    query = said(arguments, "query")
    return _("Searched the web for %(query)s", query=query) if query else _("Searched the web")


SEARCH_WEB = Tool(
    key="search_web",
    title="Search the web",
    about="Searches the web and cites its sources.",
    group="web",
    description="Searches the web and returns pages with title, address and a short extract. To read a page, use read_page.",
    schema={
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": MOST_QUERY, "description": "A few words to search for."},
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_HITS,
                "description": f"How many; {USUAL_HITS} if left out.",
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    says=_says,
    run=search,
    hints=READS_THE_WORLD,
    policy="allow",
    unavailable=search_connections.unavailable,
    setting=search_connections.KIND,
)
# The same search, before the answer of a model that takes no tools: nothing but the answer waits for it.
SEARCH_BEFORE = replace(SEARCH_WEB, run=partial(search, most_chars=BEFORE_CHARS, seconds=BEFORE_SECONDS, cite=CITE_ONLY))
