"""Extracts the text of a file in a child process, for a message that includes all of it. Pure.

The first line of input is JSON: the `name` of the file, and `most`, the maximum number of characters.
"""

import json
from collections.abc import Iterator
from typing import IO, TypedDict, final

from webapp.base.visible_text import clean
from webapp.knowledge.documents.reader import FileRefusal, parts
from webapp.knowledge.documents.readers.part import UnreadableFile

EMPTY = "There is no text in this file."


@final
class ExtractedText(TypedDict):
    text: str


@final
class TooLongToExtract(TypedDict):
    is_long: bool


ExtractionReport = ExtractedText | TooLongToExtract | FileRefusal


def pieces(file: IO[bytes]) -> Iterator[ExtractionReport]:
    """Yields the parts of the text, or the reason why there are none; stops with `is_long` once there are too many characters."""
    about, length = json.loads(file.readline()), 0
    try:
        for part in parts(file.read(), about["name"]):
            length += len(part.text)
            if length > about["most"]:
                yield TooLongToExtract(is_long=True)
                return
            yield ExtractedText(text=clean(part.text))
        if not length:
            raise UnreadableFile(EMPTY)
    except UnreadableFile as refusal:
        yield FileRefusal(refused=str(refusal))
