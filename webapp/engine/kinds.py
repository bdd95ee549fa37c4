"""What a feature says about its generations, so that the engine need not know it by name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.orm import Session

from webapp.engine.said import Said
from webapp.engine.tables import Generation
from webapp.streaming.broadcaster import Cursor, Frame, Projection
from webapp.streaming.events import Ended, Saved
from webapp.streaming.topics import Entry
from webapp.streaming.transcript import Transcript

Finish = Callable[[Session, Generation, Transcript, Any], None]


class Begun(Protocol):
    """A generation that has begun: as it is stored, or as it runs here."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def lane(self) -> str: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def continues_id(self) -> str | None: ...
    @property
    def text_offset(self) -> int: ...


class Unshown:
    """The projection of a generation that no page shows: it knows only whether it has ended."""

    def __init__(self) -> None:
        self.has_ended = False

    def begin(self) -> Iterator[None]:
        return iter(())

    def fold(self, entry: Entry) -> Iterator[None]:
        self.has_ended = isinstance(entry.event, Ended)
        return iter(())

    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]:
        return [], cursor

    def snapshot(self) -> tuple[Any, Cursor]:
        return None, ()

    def finish(self) -> Iterator[None]:
        return iter(())


@dataclass(frozen=True, slots=True)
class Kind:
    """What is not given is as for a generation that no page shows and that leaves nothing but its own record.

    `words` is what people read where uses are summed up. `hold` locks, before an end is written, what whoever asks for another
    one locks before they store it: each would wait for the other else. `finish` writes the end into the feature's own rows,
    inside the transaction, with its finished projection. `saved` says what that has written, also when it was an earlier try.
    `changed` announces its end and does what follows it; `priced` announces what it has cost, when that is known later. `said`
    gives what one that has ended has said, as far as that is kept, or None. `go_on` is asked after a restart to continue what
    was interrupted; None leaves it. `recover` is called after a restart, when everything that was cut has been settled.
    `unseen` makes the projection of one that nobody has watched, where that is another one; with fewer characters than
    `drawn_later_chars`, and none before them, such a one ends without a picture, and what shows it draws it.
    `is_aside` says that it is asked beside the answers, takes no place of theirs, and leaves a record without words.
    """

    name: str
    words: str
    projection: Callable[[Begun], Projection] = lambda _: Unshown()
    finish: Finish = lambda _session, _generation, _transcript, _picture: None
    saved: Callable[[Generation], list[Saved]] = lambda _: []
    changed: Callable[[Generation], None] = lambda _: None
    said: Callable[[Generation], Said | None] = lambda _: None
    go_on: Callable[[Generation], None] | None = None
    recover: Callable[[], None] | None = None
    is_aside: bool = False
    priced: Callable[[Generation], None] = lambda _: None
    unseen: Callable[[Begun], Projection] | None = None
    drawn_later_chars: int = 0
    hold: Callable[[Session, Begun], None] = lambda _session, _begun: None
