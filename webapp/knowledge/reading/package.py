"""An office file, which is a zip of XML, read within bounds: no entities, no depth, no more bytes than it may have. Pure."""

import posixpath
from collections.abc import Iterator
from io import BytesIO
from xml.parsers import expat

from webapp.heavy import zips
from webapp.knowledge.reading.part import DAMAGED, PROTECTED, Refused

# Of all that is unpacked, however small it was.
MOST_BYTES = 256 * 1024 * 1024
MOST_DEPTH = 256
CHUNK = 64 * 1024
# How files of Office begin that were made before 2007, or are encrypted.
OLD = bytes.fromhex("d0cf11e0a1b11ae1")
OLD_OFFICE = "This file has a password or is of an old Office. Save it as .docx, .xlsx or .pptx, without a password."
TOO_MUCH = "This file becomes too large when it is unpacked. Try splitting it into several."
ENCRYPTED = 0x1
# A start or an end with the name of an element and its attributes, or a text with nothing but it.
Event = tuple[str, str, dict[str, str]]


class Package:
    """The files in a file."""

    def __init__(self, raw: bytes) -> None:
        if raw.startswith(OLD):
            raise Refused(OLD_OFFICE)
        try:
            self._zip = zips.opened(BytesIO(raw))
        except zips.TooMany as error:
            raise Refused(TOO_MUCH) from error
        except zips.FAULTS as error:
            raise Refused(DAMAGED) from error
        self._left = MOST_BYTES

    def has(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def read(self, name: str) -> bytes:
        return b"".join(self._chunks(name))

    def events(self, name: str) -> Iterator[Event]:
        """What stands in one of them; its names are without their prefixes, but for those that lead to other files (`r:`)."""
        found, depth = list[Event](), 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > MOST_DEPTH:
                raise Refused(DAMAGED)
            found.append(("start", _local(name), {_of_attribute(key): value for key, value in attributes.items()}))

        def end(name: str) -> None:
            nonlocal depth
            depth -= 1
            found.append(("end", _local(name), {}))

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = lambda text: found.append(("text", text, {}))
        parser.StartDoctypeDeclHandler = _refuse
        try:
            for chunk in self._chunks(name):
                parser.Parse(chunk, False)
                yield from found
                found.clear()
            parser.Parse(b"", True)
        except Refused:
            raise
        # The latter two for encodings that nobody knows.
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise Refused(DAMAGED) from error
        yield from found

    def relations(self, name: str, kind: str = "") -> dict[str, str]:
        """Where the references in one of them lead, by their ids; those of one kind, or all within the package."""
        folder, _, file = name.rpartition("/")
        path = f"{folder}/_rels/{file}.rels".lstrip("/")
        found = dict[str, str]()
        for event, element, told in self.events(path) if self.has(path) else ():
            is_inside = event == "start" and element == "Relationship" and told.get("TargetMode") != "External"
            if is_inside and told.get("Type", "").endswith(kind):
                target = posixpath.normpath(posixpath.join("/", folder, told.get("Target", "")))
                found[told.get("Id", "")] = target.lstrip("/")
        return found

    def _chunks(self, name: str) -> Iterator[bytes]:
        try:
            if self._zip.getinfo(name).flag_bits & ENCRYPTED:
                raise Refused(PROTECTED)
            with zips.entry(self._zip, name) as file:
                while chunk := file.read(CHUNK):
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise Refused(TOO_MUCH)
                    yield chunk
        except Refused:
            raise
        except zips.FAULTS as error:
            raise Refused(DAMAGED) from error


def _refuse(*_: object) -> None:
    """Office files have no declarations; what has any is up to something."""
    raise Refused(DAMAGED)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _of_attribute(name: str) -> str:
    space, _, local = name.rpartition(" ")
    return f"r:{local}" if space.endswith("/relationships") else local
