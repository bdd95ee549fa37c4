"""A plan as watchers see it: finished elements, one string that grows, and how far it is, on pages and in the API. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.base.languages import gettext as _
from webapp.base.untrusted_json import JsonObject
from webapp.plans.types.schema import (
    Schema,
    at,
    element_of,
    expected,
    is_whole,
    main_list,
    missing,
    received,
    steps,
    value_at,
    without,
)
from webapp.plans.writing.draft import PlanDraft
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.events import ATTEMPT_NOTICE, Delta, Ended, Failed, Notice, Phase, Started
from webapp.streaming.topics import Entry

PIECE_CHARS = 16_384
# An estimate: models count their tokens only at the end, and each in its own way.
CHARS_PER_TOKEN = 4
# A guess isn't exact to the second: it is told in steps, and from a minute and a half on in minutes.
STEP_SECONDS, IN_SECONDS = 5, 90


class PlanProjection:
    """The projection of a plan's generation.

    A cursor counts what a watcher has: elements, strings begun, characters of the last string, notices, states. The frames are
    notes named `element`, `text`, `notice` and `state`, from which the web side makes HTML or the events of an API.
    """

    def __init__(
        self,
        schema: Schema,
        start: JsonObject,
        paths: Sequence[str],
        is_valid: Callable[[Any, Schema], bool] = lambda _value, _schema: True,
    ) -> None:
        """`is_valid` returns whether an item is one that the end will keep."""
        self.has_ended = False
        self.status, self.notices = "queued", list[str]()
        self.draft = PlanDraft(start, paths, takes_paths=bool(paths))
        self._schema, self._is_valid, self._states = schema, is_valid, 0
        self._live, self._lives = "", 0
        self._main, self._counted, self._valid = main_list(schema), 0, set[str]()
        self._count(f"{self._main}.{index}" for index in range(len(start.get(self._main) or ())))

    @property
    def done(self) -> int:
        """The number of valid items in the main list: the end keeps each of them."""
        return len(self._valid)

    @property
    def made(self) -> int:
        """The number of items in the main list that have begun."""
        return len(self.draft.value.get(self._main) or ()) if self._main else 0

    @property
    def shown(self) -> JsonObject:
        """The plan so far, without parts that are shown only when finished."""
        value = self.draft.value if self._is_shown() else self.draft.settled()
        element = self.draft.open_element
        part = at(self._schema, element) if element else None
        return without(value, element) if part and is_whole(part) else value

    @property
    def finished(self) -> JsonObject:
        """The plan so far, with its finished parts alone."""
        value, element = self.draft.settled(), self.draft.open_element
        return without(value, element) if element else value

    def begin(self) -> Iterator[None]:
        """Yields nothing: the constructor has the initial plan."""
        return iter(())

    def fold(self, entry: Entry) -> Iterator[None]:
        """Folds the next entry; yields between the pieces of a long text."""
        match entry.event:
            case Delta(text):
                for start in range(0, len(text), PIECE_CHARS):
                    if start:
                        yield
                    self.draft.feed(text[start : start + PIECE_CHARS])
                self._follow()
            case Notice(code, message) if code != ATTEMPT_NOTICE:
                self.notices.append(message)
            case Failed(message=message):
                self.notices.append(message)
            case Started():
                self._become("thinking")
            case Phase(name):
                self._become(name)
            case Ended(status):
                yield from self.finish()
                self.has_ended = True
                self._become(status)

    def finish(self) -> Iterator[None]:
        self.draft.flush()
        self._follow()
        return iter(())

    def snapshot(self) -> tuple[JsonObject, Cursor]:
        """Returns the current plan and the cursor to continue from."""
        return self.shown, self._cursor()

    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]:
        """Returns the notes since this cursor, and the new cursor."""
        now = self._cursor()
        if cursor == now:
            return [], now
        elements, lives, chars, notices, states = cursor
        frames = [Frame(path, "element") for path in dict.fromkeys(self.draft.elements[elements:])]
        if self._live and (lives, chars) != now[1:3]:
            start = chars if lives == self._lives else 0
            frames.append(Frame(json.dumps([self._live, start, self._text()[start:]]), "text"))
        frames += [Frame(message, "notice") for message in self.notices[notices:]]
        return frames + ([Frame(self.status, "state")] if states != self._states else []), now

    def _follow(self) -> None:
        path = self.draft.live[0] if self.draft.live and self._is_shown() else ""
        if path and path != self._live:
            self._lives += 1
        self._live = path
        self._count(self.draft.elements[self._counted :])
        self._counted = len(self.draft.elements)

    def _count(self, paths: Iterable[str]) -> None:
        """Updates the set of valid items, looking only at new and changed ones."""
        for element in dict.fromkeys(element_of(tuple(steps(path))) for path in paths):
            if element.partition(".")[0] == self._main and "." in element:
                part = at(self._schema, element) or {}
                is_valid = self._is_valid(received(value_at(self.draft.value, element), part), part)
                (self._valid.add if is_valid else self._valid.discard)(element)

    def _is_shown(self) -> bool:
        """Returns whether the string that is being written can be shown before it is finished."""
        live = self.draft.live
        part = at(self._schema, self.draft.open_element or live[0]) if live else None
        return part is not None and not is_whole(part)

    def _text(self) -> str:
        return self.draft.live[1] if self.draft.live and self._live else ""

    def _become(self, status: str) -> None:
        if status != self.status:
            self.status = status
            self._states += 1

    def _cursor(self) -> Cursor:
        return (len(self.draft.elements), self._lives, len(self._text()), len(self.notices), self._states)


@dataclass(frozen=True, slots=True)
class PlanPace:
    """What is known of a run besides its text.

    `chars_before` were written by earlier runs for the same plan. `began_at` is on the clock that `progress_of` gets, and
    `usual_seconds` is how long plans of this type take; None if unknown.
    """

    chars_before: int
    began_at: float
    usual_seconds: float | None


@dataclass(frozen=True, slots=True)
class WritingProgress:
    """`percent` is None for a schema that requires nothing, `seconds_left` when it is unknown or nothing runs."""

    done: int
    total: int
    chars: int
    seconds: int
    percent: int | None
    seconds_left: int | None = None

    @property
    def tokens(self) -> int:
        return -(-self.chars // CHARS_PER_TOKEN)


def progress_of(projection: PlanProjection, schema: Schema, pace: PlanPace, now: float) -> WritingProgress:
    """Returns the progress of a plan that is being written. Parts and characters never become fewer."""
    total, seconds = max(projection.made, expected(schema)), max(0.0, now - pace.began_at)
    percent = _percent(projection.finished, schema, most=99)
    chars = pace.chars_before + projection.draft.chars
    return WritingProgress(projection.done, total, chars, int(seconds), percent, _seconds_left(percent, pace.usual_seconds))


def progress_at_end(content: JsonObject, schema: Schema, *, chars: int, seconds: float) -> WritingProgress:
    """Returns the progress of a plan that isn't being written."""
    rows = content.get(main_list(schema))
    done = len(rows) if isinstance(rows, list) else 0
    return WritingProgress(done, max(done, expected(schema)), chars, int(max(0.0, seconds)), _percent(content, schema, most=100))


def time_left(projection: PlanProjection, schema: Schema, pace: PlanPace) -> str:
    """Returns the time left in words; empty if it is unknown."""
    seconds = _seconds_left(_percent(projection.finished, schema, most=99), pace.usual_seconds)
    if seconds is None:
        return ""
    if seconds < STEP_SECONDS:
        return _("almost done")
    if seconds > IN_SECONDS:
        return _("about %(count)s min left", count=round(seconds / 60))
    return _("about %(count)s s left", count=-(-seconds // STEP_SECONDS) * STEP_SECONDS)


def _percent(finished: JsonObject, schema: Schema, *, most: int) -> int | None:
    """Returns how many of the parts that the schema requires are finished, in percent."""
    if not (all_parts := len(missing({}, schema))):
        return None
    return min(most, 100 * (all_parts - len(missing(finished, schema))) // all_parts)


def _seconds_left(percent: int | None, usual: float | None) -> int | None:
    return None if percent is None or usual is None else round(usual * (100 - percent) / 100)
