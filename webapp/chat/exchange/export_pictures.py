"""Inlines a chat's pictures into its exported page, which cannot load anything."""

import re
from base64 import b64encode
from collections.abc import Mapping

from webapp.base.errors import NotFound
from webapp.base.heavy.turns import by_turns
from webapp.chat.attachments import service
from webapp.chat.files import storage
from webapp.chat.files.reference import ID
from webapp.chat.files.tables import IMAGE, StoredFile

# Links to the server would be broken in a file on disk.
SHOWN = re.compile(rf' (?P<how>href|src)="/(?:files|knowledge/documents)/(?P<id>{ID})"')
# Pictures beyond this total show their names only, because a browser loads the whole page into memory.
MOST_BYTES = 16 * 1024 * 1024


class Pictures:
    """Inlines the pictures of a chat until the size limit is reached; the others show their names."""

    def __init__(self, chat_id: str) -> None:
        self._chat_id, self._left = chat_id, MOST_BYTES

    def into(self, html: str) -> str:
        """Returns the HTML of a message with its pictures inlined."""
        ids = {found["id"] for found in SHOWN.finditer(html)}
        files = storage.in_chat(self._chat_id, ids) if ids else {}
        parts, end = list[str](), 0
        for found in by_turns(SHOWN.finditer(html), seconds=0):
            content = _content(files, found["id"], self._left) if found["how"] == "src" else b""
            self._left -= len(content)
            parts += [html[end : found.start()], _source(files[found["id"]], content) if content else ""]
            end = found.end()
        return "".join([*parts, html[end:]])


def _source(file: StoredFile, content: bytes) -> str:
    return f' src="data:{file.media_type};base64,{b64encode(content).decode()}"'


def _content(files: Mapping[str, StoredFile], id: str, most: int) -> bytes:
    """Returns the file's bytes; none if it is not a picture, is missing, or is too large."""
    file = files.get(id)
    if file is None or file.kind != IMAGE or file.bytes > most:
        return b""
    try:
        return service.content_of(file)
    except NotFound:
        return b""
