"""Reads the text of a file in a child process, for a message that it is to stand in. Pure.

Its first line is JSON: the `name` of the file, and how many characters are `most`.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

from webapp.knowledge.reader import parts
from webapp.knowledge.reading.part import Refused
from webapp.knowledge.reading.text import clean

EMPTY = "There is no text in this file."


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Its parts, one after the other, or why there are none; of a file that has more, that it is long."""
    about, length = json.loads(file.readline()), 0
    try:
        for part in parts(file.read(), about["name"]):
            length += len(part.text)
            if length > about["most"]:
                yield {"is_long": True}
                return
            yield {"text": clean(part.text)}
        if not length:
            raise Refused(EMPTY)
    except Refused as refusal:
        yield {"refused": str(refusal)}
