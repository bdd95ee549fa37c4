"""What the engine needs to know of completions that no chat keeps: they are read once, by who asked."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from webapp.generations.kinds import Kind
from webapp.generations.tables import Generation
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.events import Ended, Saved
from webapp.streaming.topics import Entry
from webapp.streaming.transcript import Transcript


class Unshown:
    """Nobody looks at it: there is nothing to render."""

    def __init__(self) -> None:
        self.has_ended = False

    def fold(self, entry: Entry) -> Iterator[None]:
        self.has_ended = isinstance(entry.event, Ended)
        return iter(())

    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]:
        return [], cursor

    def snapshot(self) -> tuple[Any, Cursor]:
        return None, ()

    def finish(self) -> Iterator[None]:
        return iter(())


def projection(_generation: Generation) -> Unshown:
    return Unshown()


def finish(_session: Session, _generation: Generation, _transcript: Transcript, _picture: Any) -> None:
    """Nothing is kept beside the generation itself: who asked has the text."""


def saved(_generation: Generation) -> list[Saved]:
    return []


def changed(_generation: Generation) -> None:
    pass


DOOR = Kind("door", projection, finish, saved, changed)
