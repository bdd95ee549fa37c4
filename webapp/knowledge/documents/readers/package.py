"""Reads an office file, which is a zip of XML, within limits: no entities, limited depth, limited unpacked size. Pure."""

import posixpath
from collections.abc import Iterator
from io import BytesIO
from xml.parsers import expat

from webapp.base.heavy import zips
from webapp.knowledge.documents.readers.part import DAMAGED, PROTECTED, UnreadableFile

# The total of all unpacked bytes, against zip bombs.
MOST_BYTES = 256 * 1024 * 1024
MOST_DEPTH = 256
# A tag or a comment: the parser reads an unfinished one again from its beginning with every chunk.
MOST_TAG_BYTES = 4 * 1024 * 1024
CHUNK = 64 * 1024
# The first bytes of Office files from before 2007, and of encrypted ones.
OLD = bytes.fromhex("d0cf11e0a1b11ae1")
OLD_OFFICE = (
    "This file has a password or comes from an old version of Office. Save it as .docx, .xlsx or .pptx, without a password."
)
TOO_MUCH = "This file is too large once it's unpacked. Try splitting it into several."
ENCRYPTED = 0x1
# (“start” or “end”, the element's name, its attributes), or (“text”, the text, an empty dict).
Event = tuple[str, str, dict[str, str]]


class Package:
    """The files inside an office file."""

    def __init__(self, raw: bytes) -> None:
        if raw.startswith(OLD):
            raise UnreadableFile(OLD_OFFICE)
        try:
            self._zip = zips.opened(BytesIO(raw))
        except zips.TooManyFiles as error:
            raise UnreadableFile(TOO_MUCH) from error
        except zips.FAULTS as error:
            raise UnreadableFile(DAMAGED) from error
        self._left = MOST_BYTES

    def has(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def read(self, name: str) -> bytes:
        return b"".join(self._chunks(name))

    def events(self, name: str) -> Iterator[Event]:
        """Yields the XML events of one file; namespaces are dropped, except for attributes that refer to other files (`r:`)."""
        events, depth = list[Event](), 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > MOST_DEPTH:
                raise UnreadableFile(DAMAGED)
            events.append(("start", _local(name), {_of_attribute(key): value for key, value in attributes.items()}))

        def end(name: str) -> None:
            nonlocal depth
            depth -= 1
            events.append(("end", _local(name), {}))

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = lambda text: events.append(("text", text, {}))
        parser.StartDoctypeDeclHandler = _refuse
        try:
            fed_bytes = 0
            for chunk in self._chunks(name):
                parser.Parse(chunk, False)
                fed_bytes += len(chunk)
                if fed_bytes - parser.CurrentByteIndex > MOST_TAG_BYTES:
                    raise UnreadableFile(DAMAGED)
                yield from events
                events.clear()
            parser.Parse(b"", True)
        except UnreadableFile:
            raise
        # `ValueError` and `LookupError` are raised for unknown encodings.
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise UnreadableFile(DAMAGED) from error
        yield from events

    def elements(self, name: str, element: str) -> Iterator[dict[str, str]]:
        """Yields the attributes of each element of this name in one file."""
        return (attributes for kind, tag, attributes in self.events(name) if kind == "start" and tag == element)

    def main(self, otherwise: str) -> str:
        """Returns the name of the file that the package is about; where it names none, the usual one."""
        return next(iter(self.relations("", "/officeDocument").values()), otherwise)

    def relations(self, name: str, kind: str = "") -> dict[str, str]:
        """Returns the targets of a file's relationships by id: those inside the package, optionally of one kind."""
        folder, _, file = name.rpartition("/")
        path = f"{folder}/_rels/{file}.rels".lstrip("/")
        relations = dict[str, str]()
        for attributes in self.elements(path, "Relationship") if self.has(path) else ():
            if attributes.get("TargetMode") != "External" and attributes.get("Type", "").endswith(kind):
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
                relations[attributes.get("Id", "")] = target.lstrip("/")
        return relations

    def _chunks(self, name: str) -> Iterator[bytes]:
        try:
            if self._zip.getinfo(name).flag_bits & ENCRYPTED:
                raise UnreadableFile(PROTECTED)
            with zips.entry(self._zip, name) as file:
                while chunk := file.read(CHUNK):
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise UnreadableFile(TOO_MUCH)
                    yield chunk
        except UnreadableFile:
            raise
        except zips.FAULTS as error:
            raise UnreadableFile(DAMAGED) from error


def _refuse(*_: object) -> None:
    """Rejects document type declarations: office files have none, so one indicates an attack."""
    raise UnreadableFile(DAMAGED)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _of_attribute(name: str) -> str:
    space, _, local = name.rpartition(" ")
    return f"r:{local}" if space.endswith("/relationships") else local
