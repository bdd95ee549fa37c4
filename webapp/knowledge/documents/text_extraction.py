"""Extracts the text of a file in a child process, for a message that includes all of it. Pure.

The first line of input is JSON: the `name` of the file, and `most`, the maximum number of characters.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

from webapp.knowledge.documents.reader import parts
from webapp.knowledge.documents.readers.part import UnreadableFile
from webapp.knowledge.documents.readers.text import clean

EMPTY = "There is no text in this file."


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the parts of the text, or the reason why there are none; stops with `is_long` once there are too many characters."""
    about, length = json.loads(file.readline()), 0
    try:
        for part in parts(file.read(), about["name"]):
            length += len(part.text)
            if length > about["most"]:
                yield {"is_long": True}
                return
            yield {"text": clean(part.text)}
        if not length:
            raise UnreadableFile(EMPTY)
    except UnreadableFile as refusal:
        yield {"refused": str(refusal)}
