"""Files at the end of a message: texts as fenced code blocks under their names, other files as references."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from typing import NamedTuple

from markupsafe import Markup

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.base.words import fence_for, size
from webapp.chat.files import reference
from webapp.chat.files.reference import Reference
from webapp.knowledge import formats
from webapp.knowledge.documents.readers.part import UnreadableFile
from webapp.knowledge.documents.readers.text import decoded

MOST_BYTES, MOST_FILES, NAME_CHARS = 200 * 1024, 20, 120
TOO_LONG = "has too much text for a message. With an account, you can send longer files."
NAMED = re.compile(r"[^\n`]*[^\n`.]\.\w+")
OPENED = re.compile(r"^(?P<name>[^\n`]*[^\n`.]\.(?P<kind>\w+))\n(?P<fence>`{3,})(?P=kind)$", re.MULTILINE)
# In rendered HTML: a code block below a paragraph that is a file name.
SHOWN = re.compile(
    r'<p[^>]*>(?P<name>[^<>\n]{1,200}\.(?P<kind>\w+))</p>\s*(?P<block><div class="code"><header><span>(?P=kind)</span>.*?</div>)',
    re.DOTALL,
)


SHELF_START = '<p class="pictures">'
SHELF = Markup(SHELF_START + "{}</p>\n")
LONG = Markup('<p class="long-file">{name} <span class="file__size">{words}</span></p>\n')
NAME, LINK = Markup('<span dir="auto">{name}</span>'), Markup('<a href="{url}" dir="auto"{panel}>{name}</a>')
IN_PANEL = Markup(" data-panel")
OPENING = Markup('<a href="{url}" target="_blank" rel="noopener">{open}</a>')
FILE_LINKS = Markup('<p class="file__links">{opening}<a href="{url}?download">{download}</a></p>')
IN_PASSAGES = "read in passages"
ABOUT_LONG = "This file is too long to send whole. Answers quote the passages that fit the question."
NOT_READ, NOT_HERE = "Not read in this chat", "This file isn't in this chat. Send it again to have it read."
PICTURE = Markup('<a href="{url}" aria-label="{words}"><img src="{url}" alt="{name}" loading="lazy" decoding="async"></a>')


@dataclass(frozen=True, slots=True)
class File:
    """An attached text, a long file, or a picture with its URL; `block` is its markdown in the message."""

    name: str
    text: str
    block: str
    url: str = ""
    is_long: bool = False

    @property
    def size(self) -> str:
        if self.is_long:
            return _(IN_PASSAGES)
        return "" if self.url else text_size(self.name, len(self.text.encode("utf-8", "replace")))


class ReadingState(NamedTuple):
    """What became of a long file in its chat: the URL of its document, and how far it has been read."""

    url: str
    words: str


def text_size(name: str, count: int) -> str:
    """Formats the size of an attached text; that of a document's text isn't the size of its file."""
    return size(count) if formats.reader_of(name) == "text" else _("%(size)s of text", size=size(count))


def file(name: str, text: str) -> File:
    """Makes an attachment of a text; `.txt` is added to a name without an extension."""
    name = re.sub(r"[\n\r`]+", " ", name).strip()[-NAME_CHARS:] or "text"
    name = name if NAMED.fullmatch(name) else f"{name}.txt"
    fence = fence_for(text)
    return File(name, text.rstrip(), f"{name}\n{fence}{name.rpartition('.')[2]}\n{text.rstrip()}\n{fence}")


def uploaded(name: str, content: bytes) -> File:
    """Makes an attachment of an uploaded file; raises `Invalid` if it isn't text, or is too long for a message."""
    try:
        text = decoded(content)
    except UnreadableFile as error:
        raise Invalid(f"{name[:NAME_CHARS]} isn't an image, a document or a text file.", field="message") from error
    if len(content) > MOST_BYTES:
        raise Invalid(f"{name[:NAME_CHARS]} {TOO_LONG}", field="message")
    return file(name, text)


def joined(typed: str, blocks: Sequence[str]) -> str:
    """Joins the typed text and its attachments into a message, with references last."""
    if len(blocks) > MOST_FILES:
        raise Invalid(f"Up to {MOST_FILES} files can go in one message.", field="message")
    texts, references = list[str](), list[str]()
    for block in blocks:
        text, referred = reference.parted(block)
        texts.append(text)
        references += [file.written for file in referred]
    return "\n\n".join(part for part in (typed.rstrip(), *texts, *references) if part) if blocks else typed


def parted(content: str) -> tuple[str, tuple[File, ...]]:
    """Splits a message into the typed text and its attachments; the inverse of `joined`."""
    before, references = reference.parted(content)
    typed, texts = _texts(before)
    originals = {file.name: file for file in references if file.is_original}
    # A block includes the reference to its original, so that both are removed together.
    texts = tuple(_with_original(text, originals.get(reference.original(text.name, "").name)) for text in texts)
    return typed, (*texts, *map(_referred, (file for file in references if not file.is_original)))


def without_files(content: str, role: str) -> str:
    """Returns the text of a message without a person's attachments, and with the names of files in place of references."""
    return reference.ANY.sub(r"\g<name>", parted(content)[0] if role == "user" else content)


def _texts(content: str) -> tuple[str, tuple[File, ...]]:
    files, begin, at = list[File](), 0, 0
    if not content.rstrip().endswith("```"):
        return content, ()
    while match := OPENED.search(content, at):
        if not files or content[at : match.start()].strip():
            files, begin = [], match.start()
        began = match.end() + 1
        closed = re.compile(f"^{match['fence']}$", re.MULTILINE).search(content, began)
        if not closed or len(files) == MOST_FILES:
            return content, ()
        text, at = content[began : max(began, closed.start() - 1)], closed.end()
        files.append(File(match["name"], text, content[match.start() : at]))
    return (content[:begin].rstrip(), tuple(files)) if files and not content[at:].strip() else (content, ())


def folded(markup: Markup, content: str = "", documents: Mapping[str, ReadingState] | None = None) -> Markup:
    """Folds the attached texts in a person's message, and appends long files and pictures, which its HTML leaves out.

    `documents` are the documents made of long files, by file id.
    """
    _, references = reference.parted(content)
    pictures = [reference for reference in references if reference.is_picture]
    here = documents or {}
    originals = {file.name: here[file.id].url for file in references if file.is_original and file.id in here}
    html = SHOWN.sub(partial(_fold, originals), markup) if '<div class="code">' in markup else markup
    long = Markup("").join(_link(file, here) for file in references if not (file.is_picture or file.is_original))
    return Markup(html) + long + (SHELF.format(Markup("").join(map(_shown, pictures))) if pictures else "")


def _referred(file: Reference) -> File:
    if file.is_picture:
        return File(file.name, "", file.written, f"/files/{file.id}")
    return File(file.name, ABOUT_LONG, file.written, is_long=True)


def _link(file: Reference, documents: Mapping[str, ReadingState]) -> Markup:
    became = documents.get(file.id) or ReadingState("", _(NOT_HERE))
    panel = IN_PANEL if became.url.startswith("/knowledge/") else ""
    name = (LINK if became.url else NAME).format(url=became.url, name=file.name, panel=panel)
    return LONG.format(name=name, words=became.words)


def _shown(file: Reference) -> Markup:
    return PICTURE.format(url=f"/files/{file.id}", name=file.name, words=_("Open %(name)s", name=file.name))


def _with_original(file: File, original: Reference | None) -> File:
    return replace(file, block=f"{file.block}\n\n{original.written}") if original else file


def _fold(originals: Mapping[str, str], match: re.Match[str]) -> str:
    code = match["block"].partition("<code>")[2].rpartition("</code>")[0]
    count = len(unescape(re.sub("<[^>]*>", "", code)).rstrip("\n").encode("utf-8", "replace"))
    summary = f'<summary><span>{match["name"]}</span> <span class="file__size">{text_size(match["name"], count)}</span></summary>'
    name = unescape(match["name"])
    url = originals.get(reference.original(name, "").name, "")
    is_opened = formats.is_shown_by_browsers(name)
    opening = OPENING.format(url=url, open=_("Open")) if is_opened else ""
    links = FILE_LINKS.format(url=url, opening=opening, download=_("Download")) if url else ""
    return f'<details class="file">{summary}{links}{match["block"]}</details>'
