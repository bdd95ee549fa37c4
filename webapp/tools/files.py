"""The files of a call: those that it makes for the chat, and those of the chat that it can read.

A chat is above this room: who runs an answer hands in its `ChatFiles`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from webapp.base.errors import AppError, NotFound

MOST_FILES = 10
TOO_MANY = f"The other files were not kept: one call can make up to {MOST_FILES}."
NOT_HERE = "This chat has no text file with this name."


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that a call made; its type follows from its name or, of a picture, from its content."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the chat. One that is made with the name of another there is its next version."""

    id: str
    name: str
    version: int = 1

    @property
    def said(self) -> str:
        return f"{self.name}, version {self.version}" if self.version > 1 else self.name


@dataclass(frozen=True, slots=True)
class FileText:
    """The text of a file of the chat; `outside` names where outside text in it came from."""

    text: str
    outside: tuple[str, ...] = ()


class ChatFiles(Protocol):
    """The files of the chat that a call is for."""

    def keep(self, file: NewFile, *, is_private: bool = False) -> KeptFile:
        """Makes it a file of the chat, perhaps for the person alone; raises an `AppError` if it is refused."""

    def names(self) -> Sequence[str]:
        """Returns the names of the files with a text that can be read, newest first."""

    def read(self, name: str) -> FileText:
        """Returns the text of the newest file of this name; raises `NotFound` if there is none."""


class NoFiles:
    """Of a call that is for no chat."""

    def keep(self, file: NewFile, *, is_private: bool = False) -> KeptFile:
        raise NotFound("There is no chat for this file.")

    def names(self) -> Sequence[str]:
        return ()

    def read(self, name: str) -> FileText:
        raise NotFound(NOT_HERE)


def keep_all(files: Sequence[NewFile], chat_files: ChatFiles, *, is_private: bool = False) -> tuple[list[str], str]:
    """Keeps the files of a result; returns their ids, and what the model is told of them."""
    ids, lines = list[str](), list[str]()
    for file in files[:MOST_FILES]:
        try:
            kept = chat_files.keep(file, is_private=is_private)
        except AppError as error:
            lines.append(f"{file.name} was not kept: {error.message}")
        else:
            ids.append(kept.id)
            lines.append(f"The person can see and download {kept.said}.")
    return ids, "\n".join([*lines, *([TOO_MANY] if len(files) > MOST_FILES else [])])
