"""Reads the size of a ZIP archive from its directory before anything is unpacked. Pure."""

import os
import struct
from typing import IO

from webapp.chat.exchange.imports.filed import BadFile

MOST_FILES = 20_000
# Each entry takes 46 bytes and its name.
MOST_DIRECTORY_BYTES = 4 * 1024 * 1024
DAMAGED = "The archive is damaged or password-protected."
END, LONG_END, LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
END_FORM, LONG_FORM = "<4s4H2LH", "<4sQ2H2L4Q"
MOST_COMMENT = 1 << 16


def check_directory(file: IO[bytes]) -> None:
    """Refuses an archive whose list of files is too long to be read."""
    count, directory_bytes = _said(file)
    file.seek(0)
    if count > MOST_FILES:
        raise BadFile(f"The archive contains more than {MOST_FILES:,} files.")
    if directory_bytes > MOST_DIRECTORY_BYTES:
        raise BadFile("The archive's list of files is too long.")


def _said(file: IO[bytes]) -> tuple[int, int]:
    """How many files there are and how long their list is, as the last record of the archive has it."""
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - struct.calcsize(END_FORM) - MOST_COMMENT)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(END)
    record = tail[at : at + struct.calcsize(END_FORM)]
    if at < 0 or len(record) < struct.calcsize(END_FORM):
        raise BadFile(DAMAGED)
    _, _, _, _, count, directory_bytes, *_ = struct.unpack(END_FORM, record)
    # In its place these two are full of ones.
    return _said_at_length(file, tail_at + at) or (count, directory_bytes)


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
    *_, count, directory_bytes, _ = struct.unpack(LONG_FORM, record[:length])
    return count, directory_bytes
