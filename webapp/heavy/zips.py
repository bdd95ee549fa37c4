"""ZIP archives of others: the size of their list of files is read before the list is, and nothing unusual is unpacked. Pure."""

import os
import struct
import zlib
from lzma import LZMAError
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

MOST_FILES = 20_000
# Each entry takes 46 bytes and its name.
MOST_LIST_BYTES = 4 * 1024 * 1024
# What programs pack with; unpacking the others can take gigabytes of memory and fails in ways of its own.
PACKED = {ZIP_STORED, ZIP_DEFLATED}
# How Python stumbles over what is damaged; a missing entry is a `KeyError`, an encrypted one a `RuntimeError`.
FAULTS = (KeyError, ValueError, RuntimeError, EOFError, OSError, BadZipFile, zlib.error, LZMAError)
END, LONG_END, LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
END_FORM, LONG_FORM = "<4s4H2LH", "<4sQ2H2L4Q"
MOST_COMMENT = 1 << 16


class TooMany(Exception):
    """Its list of files is longer than may be read."""


def opened(file: IO[bytes], most_files: int = MOST_FILES) -> ZipFile:
    """Raises `TooMany`, or one of `FAULTS`."""
    count, list_bytes = _said(file)
    if count > most_files or list_bytes > MOST_LIST_BYTES:
        raise TooMany
    file.seek(0)
    found = ZipFile(file)
    # What the archive says of itself is not believed.
    if len(found.infolist()) > most_files:
        raise TooMany
    return found


def entry(packed: ZipFile, name: str) -> IO[bytes]:
    """One of its files, to be read; raises one of `FAULTS`."""
    info = packed.getinfo(name)
    if info.compress_type not in PACKED:
        raise BadZipFile("an unusual compression")
    return packed.open(info)


def _said(file: IO[bytes]) -> tuple[int, int]:
    """How many files there are and how long their list is, as the last record of the archive has it."""
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - struct.calcsize(END_FORM) - MOST_COMMENT)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(END)
    record = tail[at : at + struct.calcsize(END_FORM)]
    if at < 0 or len(record) < struct.calcsize(END_FORM):
        raise BadZipFile("its end is missing")
    _, _, _, _, count, list_bytes, *_ = struct.unpack(END_FORM, record)
    # In its place these two are full of ones.
    return _said_at_length(file, tail_at + at) or (count, list_bytes)


def _said_at_length(file: IO[bytes], end_at: int) -> tuple[int, int] | None:
    """The same by the longer record that stands before it in large archives, and is believed first."""
    length = struct.calcsize(LONG_FORM)
    start = end_at - 20 - length
    if start < 0:
        return None
    file.seek(start)
    record = file.read(length + 20)
    if not record.startswith(LONG_END) or record[length : length + 4] != LOCATOR:
        return None
    *_, count, list_bytes, _ = struct.unpack(LONG_FORM, record[:length])
    return count, list_bytes
