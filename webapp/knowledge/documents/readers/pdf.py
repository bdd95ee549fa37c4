"""Reads PDF, page by page, with PDFium. Pure."""

import re
from collections.abc import Iterator

import pypdfium2

from webapp.knowledge.documents.readers.part import DAMAGED, PROTECTED, FilePart, UnreadableFile

MOST_PAGES = 5_000
TOO_MANY_PAGES = f"This PDF has more than {MOST_PAGES:,} pages, which is the limit. Try splitting it into several."
SCAN = "No text was found in this PDF. It may be a scan: add it again after text recognition (OCR)."
# A page with fewer characters is probably a slide, and shares no passage with the next one.
FULL_PAGE = 1_200
# PDFium's markers for a word that is hyphenated across lines.
BROKEN_WORD = re.compile("[\x02\xad\ufffe]\r?\n?")


def parts(raw: bytes, _: str) -> Iterator[FilePart]:
    document = _opened(raw)
    count, has_text = len(document), False
    if count > MOST_PAGES:
        raise UnreadableFile(TOO_MANY_PAGES)
    for number in range(1, count + 1):
        text = _text(document, number - 1)
        has_text = has_text or bool(text)
        yield FilePart(f"{text}\n\n" if text else "", number, count, is_apart=len(text) < FULL_PAGE)
    if not has_text:
        raise UnreadableFile(SCAN)


def _opened(raw: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(raw)
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(PROTECTED if "password" in str(error).lower() else DAMAGED) from error


def _text(document: pypdfium2.PdfDocument, index: int) -> str:
    """Returns the text of a page; empty if the page can't be loaded."""
    try:
        page = document[index]
        words = page.get_textpage()
        text = words.get_text_range()
        words.close()
        page.close()
    except pypdfium2.PdfiumError:
        return ""
    lines = BROKEN_WORD.sub("", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.strip() for line in lines).strip()
