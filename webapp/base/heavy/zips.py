"""Opens ZIP archives from others: checks the size of the file list before reading it, and unpacks nothing unusual. Pure."""

import os
import struct
import zlib
from lzma import LZMAError
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

MOST_FILES = 20_000
# Each entry takes 46 bytes and its name.
MOST_LIST_BYTES = 4 * 1024 * 1024
NAMED_BYTES = 200
# The methods that programs use; others can take gigabytes of memory to unpack, and fail in ways of their own.
PACKED = {ZIP_STORED, ZIP_DEFLATED}
# The exceptions that Python raises for a damaged archive; a missing entry is a `KeyError`, an encrypted one a `RuntimeError`.
FAULTS = (KeyError, ValueError, RuntimeError, EOFError, OSError, BadZipFile, zlib.error, LZMAError)
END, LONG_END, LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
END_FORM, LONG_FORM = "<4s4H2LH", "<4sQ2H2L4Q"
MOST_COMMENT = 1 << 16


class TooManyFiles(Exception):
    """The archive's file list is longer than the limit."""


def opened(file: IO[bytes], most_files: int = MOST_FILES) -> ZipFile:
    """Opens an archive; raises `TooManyFiles`, or one of `FAULTS`."""
    count, list_bytes = _declared_size(file)
    if count > most_files or list_bytes > max(MOST_LIST_BYTES, most_files * NAMED_BYTES):
        raise TooManyFiles
    file.seek(0)
    archive = ZipFile(file)
    # The number that the archive states is not trusted.
    if len(archive.infolist()) > most_files:
        raise TooManyFiles
    return archive


def entry(packed: ZipFile, name: str) -> IO[bytes]:
    """Opens one of an archive's files for reading; raises one of `FAULTS`."""
    info = packed.getinfo(name)
    if info.compress_type not in PACKED:
        raise BadZipFile("an unusual compression")
    return packed.open(info)


def _declared_size(file: IO[bytes]) -> tuple[int, int]:
    """Returns the number of files and the bytes of their list, from the archive's end record."""
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - struct.calcsize(END_FORM) - MOST_COMMENT)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(END)
    record = tail[at : at + struct.calcsize(END_FORM)]
    if at < 0 or len(record) < struct.calcsize(END_FORM):
        raise BadZipFile("its end is missing")
    _, _, _, _, count, list_bytes, *_ = struct.unpack(END_FORM, record)
    # If there is a ZIP64 record, the end record has all ones in these two fields.
    return _declared_zip64_size(file, tail_at + at) or (count, list_bytes)


def _declared_zip64_size(file: IO[bytes], end_at: int) -> tuple[int, int] | None:
    """Returns the same from the ZIP64 record, which comes before the end record in large archives and has precedence."""
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
