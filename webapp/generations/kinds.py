"""What a feature says about its generations, so that the engine need not know it by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from webapp.generations.tables import Generation
from webapp.streaming.broadcaster import Projection
from webapp.streaming.events import Saved
from webapp.streaming.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Kind:
    """`finish` writes the end into the feature's own rows, inside the transaction, with its finished projection.

    `saved` says what that has written, also when it was an earlier try. `changed` announces it. `go_on` is asked after a
    restart to continue what was interrupted; None leaves it. `recover` is called after a restart, when everything that was
    cut has been settled.
    """

    name: str
    projection: Callable[[Generation], Projection]
    finish: Callable[[Session, Generation, Transcript, Any], None]
    saved: Callable[[Generation], list[Saved]]
    changed: Callable[[Generation], None]
    go_on: Callable[[Generation], None] | None = None
    recover: Callable[[], None] | None = None
