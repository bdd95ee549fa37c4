"""The pictures and other files of an archive beside its chats: found by what messages call them, and read within limits. Pure."""

import re
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BytesIO
from zipfile import ZipFile, ZipInfo

from webapp.base.heavy import zips
from webapp.base.untrusted_json import JsonObject
from webapp.chat.imports.chatgpt import FILE_ID
from webapp.chat.imports.filed import FiledFile, FiledMessage, line

PART_BYTES, MOST_BYTES, NAME_CHARS = 192 * 1024, 50 * 1024 * 1024, 120
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PICTURES = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8|RIFF.{4}WEBP", re.DOTALL)
# What the names of ChatGPT's own pictures say, which is nothing to people.
NAMELESS = re.compile(r"(?:sanitized|image|[0-9a-f-]{32,36})?\.?(?:png|jpe?g|webp|gif|dat)?", re.IGNORECASE)
MISSING = "It isn't in the archive."
DAMAGED = "It is damaged in the archive."
TOO_LARGE = f"It is larger than {MOST_BYTES // 1024 // 1024} MB."
TOO_MUCH = "It needs too much memory to read."


class Assets:
    """The files of an archive that messages can refer to; without an archive there are none."""

    def __init__(self, packed: ZipFile | None = None, entries: Iterable[ZipInfo] = ()) -> None:
        self._packed = packed
        self._entries: dict[str, ZipInfo] = {}
        files = [entry for entry in entries if not entry.is_dir()]
        counts = Counter(_last(entry) for entry in files)
        for entry in files:
            # A name that several have says nothing.
            for key in (*_ids(entry), *([_last(entry)] if counts[_last(entry)] == 1 else ())):
                self._entries.setdefault(key, entry)

    def of(self, message: FiledMessage) -> Iterator[JsonObject]:
        """Yields the files of a message: what each is, its bytes in parts and that it is whole, or why it is left out."""
        if not self._packed:
            return
        for file in message.files:
            yield from self._of(self._packed, file, message.id)

    def _of(self, packed: ZipFile, file: FiledFile, message_id: str) -> Iterator[JsonObject]:
        entry = next((self._entries[key] for key in file.keys if key in self._entries), None)
        name = file.name or _shown_name(entry)
        if not entry:
            yield {"left_out": [name, MISSING]}
            return
        try:
            content, picture = _read(packed, entry)
        except _LeftOut as reason:
            yield {"left_out": [name, str(reason)]}
            return
        yield {"file": {"message": message_id, "name": name, "note": file.note, "picture": picture}}
        for start in range(0, len(content), PART_BYTES):
            yield {"bytes": b64encode(content[start : start + PART_BYTES]).decode()}
        yield {"whole": True}


class _LeftOut(Exception):
    """The file can't be taken over; the message is the reason."""


def _read(packed: ZipFile, entry: ZipInfo) -> tuple[bytes, JsonObject | None]:
    """Returns the content of a file; with its type and size if it is a picture, which is re-encoded."""
    try:
        with zips.entry(packed, entry.filename) as member:
            # The sizes in the archive's headers are not trusted.
            content = member.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise _LeftOut(TOO_LARGE)
        return _picture(content) if PICTURES.match(content) else (content, None)
    except MemoryError as error:
        raise _LeftOut(TOO_MUCH) from error
    except zips.FAULTS as error:
        raise _LeftOut(DAMAGED) from error


def _picture(content: bytes) -> tuple[bytes, JsonObject]:
    # Imported with the first picture: it loads Pillow.
    from webapp.chat.files import picture

    (about,) = picture.pieces(BytesIO(content))
    if "refused" in about:
        raise _LeftOut(about["refused"])
    return b64decode(about.pop("content")), about


def _last(entry: ZipInfo) -> str:
    return entry.filename.rpartition("/")[2]


def _ids(entry: ZipInfo) -> Iterator[str]:
    """Yields the ids in the path of a file, by which messages refer to it."""
    if match := FILE_ID.match(_last(entry)):
        yield match[0]
    yield from UUID.findall(entry.filename)


def _shown_name(entry: ZipInfo | None) -> str:
    name = line(_last(entry), 500) if entry else ""
    name = FILE_ID.sub("", name, count=1).lstrip("-_")[-NAME_CHARS:]
    return "picture" if NAMELESS.fullmatch(name) else name
