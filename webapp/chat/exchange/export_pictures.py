"""Pictures of a chat inside the page that it is exported as, which may load nothing."""

import re
from base64 import b64encode
from collections.abc import Mapping

from webapp.chat.files import queries, service
from webapp.chat.files.reference import ID
from webapp.chat.files.tables import StoredFile
from webapp.errors import NotFound
from webapp.heavy.turns import by_turns

# Links lead nowhere from a disk.
SHOWN = re.compile(rf' (?P<how>href|src)="/files/(?P<id>{ID})"')
# What is behind these is only named: a page is made in memory, and a browser reads it whole.
MOST_BYTES = 16 * 1024 * 1024


def with_pictures(page: str, chat_id: str) -> str:
    """The page with its pictures in it, the first as long as there is room; all others show their names."""
    files = queries.in_chat(chat_id, {found["id"] for found in SHOWN.finditer(page)})
    parts, end, left = list[str](), 0, MOST_BYTES
    for found in by_turns(SHOWN.finditer(page), seconds=0):
        content = _content(files, found["id"], left) if found["how"] == "src" else b""
        left -= len(content)
        parts += [page[end : found.start()], _source(files[found["id"]], content) if content else ""]
        end = found.end()
    return "".join([*parts, page[end:]])


def _source(file: StoredFile, content: bytes) -> str:
    return f' src="data:{file.media_type};base64,{b64encode(content).decode()}"'


def _content(files: Mapping[str, StoredFile], id: str, most: int) -> bytes:
    """Nothing of what is not a picture, is gone, or is too much."""
    file = files.get(id)
    if file is None or file.kind != service.IMAGE or file.bytes > most:
        return b""
    try:
        return service.content_of(file)
    except NotFound:
        return b""
