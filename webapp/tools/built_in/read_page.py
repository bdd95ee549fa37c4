"""The tool by which a model reads a public web page, part by part."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urldefrag, urlsplit

from webapp.base.cache import Cache
from webapp.base.current import PerApp
from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.base.heavy import child
from webapp.base.heavy.work_limiter import WorkLimiter
from webapp.base.languages import gettext as _
from webapp.base.visible_text import one_line, visible
from webapp.knowledge import formats
from webapp.knowledge.documents.fetching import FetchedPage, fetch
from webapp.models.upstream.addresses import Trust
from webapp.rendering.text import plain
from webapp.tools.built_in.texts import MOST_CHARS, QUOTED, bounded, fenced, said, web_source
from webapp.tools.tool import READS_THE_WORLD, CallContext, Result, Tool, ToolFailed

PAGE_READER, FILE_READER = "webapp.tools.built_in.page_text", "webapp.knowledge.documents.text_extraction"
MOST_ADDRESS, MOST_BYTES, MOST_TITLE = 2_000, 2 * 1024 * 1024, 200
PART_CHARS, MOST_PARTS = 16_000, 20
# What an extract is taken from.
MOST_QUOTED = 3_000
# A part ends with a line, if one ends among its last characters.
LOOSE_CHARS = 2_000
# Pages stay in memory for a while, so that their next part is of the same text.
KEPT_SECONDS, MOST_KEPT = 300.0, 8
CITE = f"{QUOTED} Cite it by its number, [{{}}]."
STOPPED = "The answer was stopped."
TOO_MUCH = "This page needs too much memory or time to read."
UNREADABLE = "This page couldn't be read."
EMPTY = "There is no text on this page. It may need a browser that runs scripts."
LONG = " The page is longer than what can be read of it."


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page in parts; `is_cut` is set if the page has more text than that."""

    address: str
    title: str
    parts: tuple[str, ...]
    is_cut: bool


# One page of a person at a time, so that an answer's calls leave the child processes to others too.
_extractions = WorkLimiter(most=child.MOST_CHILDREN, most_each=1, busy=child.BUSY)
PAGES = PerApp(lambda: Cache[tuple[str, Trust], PageText](MOST_KEPT, seconds=KEPT_SECONDS))


def read(context: CallContext, arguments: Mapping[str, Any], *, trust: Trust = "public", most_chars: int = MOST_CHARS) -> Result:
    """Returns a part of a page. Redirects are followed, to public addresses alone."""
    address, part = _whole_address(str(arguments["address"])), int(arguments.get("part", 1))
    page = _page(context, address, trust)
    if not 1 <= part <= len(page.parts):
        raise ToolFailed(f"This page has {len(page.parts)} part{'s' if len(page.parts) > 1 else ''}.")
    more = f" Part {part + 1} follows." if part < len(page.parts) else LONG if page.is_cut else ""
    number, part_text, host = context.first_source, page.parts[part - 1], urlsplit(page.address).hostname or page.address
    head = f"[{number}] {page.address}\nPart {part} of {len(page.parts)}.{more} {CITE.format(number)}"
    # The title is the page's own text, too.
    text = "\n".join(filter(None, (head, page.title, fenced(part_text))))
    source = web_source(number, page.address, page.title or host, plain(part_text[:MOST_QUOTED]))
    return Result(bounded(text, most_chars), (source,), (host,))


def _whole_address(address: str) -> str:
    address = urldefrag(address.strip()).url
    return address if "://" in address else f"https://{address}"


def _page(context: CallContext, address: str, trust: Trust) -> PageText:
    pages = PAGES.get()
    key: tuple[str, Trust] = address, trust
    return pages.get(key) or pages.put(key, _read_page(context, address, trust))


def _read_page(context: CallContext, address: str, trust: Trust) -> PageText:
    person_id = context.person.id
    # Releases the database connection while waiting for another server.
    db.session.rollback()
    try:
        fetched = fetch(address, trust=trust, most_bytes=MOST_BYTES, stop=context.stop)
        # Only a request with an ETag can be answered with nothing.
        assert fetched
        with _extractions.entered(person_id):
            title, texts = _extracted(fetched)
    except AppError as error:
        raise ToolFailed(STOPPED if context.stop else error.message) from error
    except child.Exceeded as error:
        raise ToolFailed(TOO_MUCH) from error
    except child.ChildCrashed as error:
        raise ToolFailed(UNREADABLE) from error
    text = visible("".join(texts)).strip("\n")
    if not text.strip():
        raise ToolFailed(EMPTY)
    parts = list(_parts(text))
    return PageText(fetched.url, one_line(title, MOST_TITLE), tuple(parts[:MOST_PARTS]), len(parts) > MOST_PARTS)


def _extracted(fetched: FetchedPage) -> tuple[str, list[str]]:
    """Returns the title and the text of a page, which a child process extracts."""
    is_page = formats.kind_of(fetched.name) == "html"
    # Text of any kind is read as it is, without the fences and tables that documents get.
    name = "x.txt" if formats.reader_of(fetched.name) == "text" else f"x.{formats.ending(fetched.name)}"
    about = {"name": name, "address": fetched.url, "most": (MOST_PARTS + 1) * PART_CHARS if is_page else MOST_BYTES}
    head = json.dumps(about).encode() + b"\n"
    title, texts = "", list[str]()
    with child.short(PAGE_READER if is_page else FILE_READER, BytesIO(fetched.content), head=head) as pieces:
        for piece in pieces:
            if "refused" in piece:
                raise ToolFailed(piece["refused"])
            title = piece.get("title", title)
            texts.append(piece.get("text", ""))
    return title, texts


def _parts(text: str) -> Iterator[str]:
    """Yields the parts of a text, and one more than is used if there is more."""
    start = count = 0
    while start < len(text) and count <= MOST_PARTS:
        end = start + PART_CHARS
        if end < len(text):
            end = text.rfind("\n", end - LOOSE_CHARS, end) + 1 or end
        yield text[start:end].strip("\n")
        start, count = end, count + 1


def _says(arguments: Mapping[str, Any]) -> str:
    part = arguments.get("part")
    address, is_part = said(arguments, "address").strip(), isinstance(part, int) and part > 1
    if address:
        read = _("Read %(address)s, part %(part)s", address=address, part=part)
        return read if is_part else _("Read %(address)s", address=address)
    return _("Read a page, part %(part)s", part=part) if is_part else _("Read a page")


READ_PAGE = Tool(
    key="read_page",
    title="Read a web page",
    about="Opens and reads a web page or PDF.",
    group="web",
    description=(
        "Returns the text of a public web page, with its headings and links, or of a PDF or text file. A long one has several "
        "parts. Pages that need signing in, or that scripts draw, can't be read."
    ),
    schema={
        "type": "object",
        "properties": {
            "address": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_ADDRESS,
                "description": "The address, such as https://example.org/page.",
            },
            "part": {"type": "integer", "minimum": 1, "maximum": MOST_PARTS, "description": "Which part; the first if left out."},
        },
        "required": ["address"],
        "additionalProperties": False,
    },
    says=_says,
    run=read,
    hints=READS_THE_WORLD,
    policy="allow",
    reads_addresses=True,
)
