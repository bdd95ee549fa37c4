"""Pictures that a model sends in its answer become files of the chat, to which the text of the answer refers."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing

from sqlalchemy.exc import SQLAlchemyError

from webapp.base.errors import AppError, Invalid
from webapp.base.words import plural, shortened
from webapp.chat.attachments import service
from webapp.chat.files.reference import NAME_CHARS, reference
from webapp.engine.drawing import picture_request
from webapp.engine.engine import Engine
from webapp.engine.live import EventSource
from webapp.models.providers.base import ModelRequest
from webapp.streaming.events import PICTURE_LEFT_OUT, Delta, Event, Notice, Pictured
from webapp.streaming.stop import Stop

log = logging.getLogger("chat:pictures")

MOST_PICTURES = 10
NAME = "picture"
# How a line with a picture begins, in the text of an answer and as a model is sent it.
PICTURE_STARTS = ("![", "[Image: ")
TOO_MANY = f"The other pictures were left out: an answer can have up to {plural(MOST_PICTURES, 'picture')}."
NO_ACCOUNT = "A picture was left out, because pictures are only kept for people with an account."
NOT_STORED = "It couldn't be saved."


class Keeper:
    """Keeps the pictures of one answer to a person."""

    def __init__(self, engine: Engine, chat_id: str, person_id: str) -> None:
        self._engine, self._chat_id, self._person_id = engine, chat_id, person_id
        self._count, self._file_ids = 0, set[str]()

    def keep(self, picture: Pictured) -> Iterator[Event]:
        """Yields the text that refers to the picture once it is stored, or what the person is told if it is refused.

        Some servers send the same picture again at the end of a stream: it is there already.
        """
        self._count += 1
        if self._count > MOST_PICTURES:
            yield from [Notice(PICTURE_LEFT_OUT, TOO_MANY)] if self._count == MOST_PICTURES + 1 else ()
        elif not self._person_id:
            yield Notice(PICTURE_LEFT_OUT, NO_ACCOUNT)
        else:
            yield from self._kept(picture)

    def _kept(self, picture: Pictured) -> Iterator[Event]:
        try:
            with self._engine.in_app():
                file_id = service.add_picture(self._person_id, self._chat_id, NAME, picture.content).id
        except AppError as error:
            yield Notice(PICTURE_LEFT_OUT, f"A picture was left out. {error.message}")
        except SQLAlchemyError as error:
            # Its chat was deleted, or the database is down; the text is kept in the journal.
            log.warning("a picture could not be stored: %s", type(error).__name__)
            yield Notice(PICTURE_LEFT_OUT, f"A picture was left out. {NOT_STORED}")
        else:
            if file_id not in self._file_ids:
                self._file_ids.add(file_id)
                words = shortened(" ".join(picture.words.split()), NAME_CHARS)
                yield Delta(reference(words or NAME, file_id).written)


class SourceWithPictures:
    """Reads a model from its source; `text` is what the answer has before. A picture stands in a paragraph of its own."""

    def __init__(self, source: EventSource, keep: Callable[[Pictured], Iterator[Event]], text: str = "") -> None:
        self._source, self._keep = source, keep
        self._has_text, self._is_after_picture = bool(text.strip()), text.rstrip().rpartition("\n")[2].startswith(PICTURE_STARTS)
        self._is_keeping = False

    @property
    def is_between(self) -> bool:
        """Also while a picture is being stored, which is no silence of the model."""
        return self._is_keeping or self._source.is_between

    def check_timeout(self) -> str:
        return "" if self._is_keeping else self._source.check_timeout()

    def events(self, stop: Stop) -> Iterator[Event]:
        with closing(self._source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            for event in events:
                if isinstance(event, Pictured):
                    self._is_keeping = True
                    yield from self._placed(event)
                    self._is_keeping = False
                elif isinstance(event, Delta):
                    yield self._below(event)
                else:
                    yield event

    def _placed(self, picture: Pictured) -> Iterator[Event]:
        for event in self._keep(picture):
            if isinstance(event, Delta):
                yield Delta(f"\n\n{event.text}" if self._has_text else event.text)
                self._has_text = self._is_after_picture = True
            else:
                yield event

    def _below(self, event: Delta) -> Delta:
        """Returns the text, below a picture if that is what comes before it."""
        if self._is_after_picture:
            text = event.text.lstrip()
            if not text:
                return Delta("")
            event, self._is_after_picture = Delta(f"\n\n{text}"), False
        self._has_text = self._has_text or not event.text.isspace()
        return event


def with_pictures(
    make_source: Callable[[ModelRequest], EventSource], engine: Engine, chat_id: str, person_id: str
) -> Callable[[ModelRequest], EventSource]:
    """Returns what makes the sources of one answer's rounds, which keep its pictures."""
    keeper = Keeper(engine, chat_id, person_id)

    def made(request: ModelRequest) -> EventSource:
        begun = request.turns[-1].content if request.is_continuation else ""
        return SourceWithPictures(make_source(request), keeper.keep, begun)

    return made


def refuse_unless_drawable(request: ModelRequest, person: str) -> None:
    """Raises `Invalid` before a picture is paid for that can't be asked for, or kept."""
    if not picture_request(request).prompt:
        raise Invalid("Say what the picture is to show.", field="message")
    service.refuse_without_room(person)
