"""A plan while it is being written: merges the model's text, which can be several answers in a row, into one value. Pure."""

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

from webapp.base.untrusted_json import JsonObject
from webapp.plans.types.schema import MOST_ITEMS, MOST_VALUES, dotted, element_of, is_path, put, value_at, without
from webapp.streaming.partial_json import Opening, Path, StreamingJSONParser

# Separates a plan from an answer that replaces some of its parts, as in RFC 7464; JSON can't contain it.
SEPARATOR = "\x1e"


def heading(paths: Sequence[str]) -> str:
    """Returns the heading of an answer that contains only the values at these paths."""
    return f"{SEPARATOR}{json.dumps(paths)}\n"


class PlanDraft:
    """A plan that grows as text arrives.

    The first answer is the whole plan or, if parts are wanted, an object with one key for each of them. Every further answer
    has the parts that its heading names. Parts that were not requested are ignored and keep their value.
    """

    def __init__(
        self,
        start: JsonObject | None = None,
        wanted: Sequence[str] = (),
        *,
        takes_paths: bool = False,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._start = start or {}
        self.value: JsonObject = copy.deepcopy(self._start)
        self.elements: list[str] = []
        self.live: tuple[str, str] | None = None
        self.has_dropped = False
        # How many characters models have written, without the headings of answers.
        self.chars = 0
        self._cut = ""
        self._now, self._wanted, self._takes_places = now, set(wanted), takes_paths
        self._texts: list[list[str]] = []
        self._heading: str | None = None
        self._begin()

    def feed(self, text: str) -> bool:
        """Adds text; returns whether there is something new to show."""
        first, *others = text.split(SEPARATOR)
        is_new = self._add(first)
        for other in others:
            is_new |= self.flush()
            self._cut = self.open_element
            self.has_dropped |= bool(self._cut)
            self.value = self.settled()
            self._begin(has_heading=True)
            is_new |= self._add(other)
        return is_new

    def flush(self) -> bool:
        """Processes text that the parser buffered until the next tick."""
        return self._parser.flush() is not None and self._take()

    def settled(self) -> JsonObject:
        """Returns the plan without the string that is still being written; the value it replaces is restored."""
        if not self.live:
            return self.value
        name, before = self.live[0], value_at(self._start, self.live[0])
        rest = without(self.value, name)
        if before is not None:
            put(rest, name, before)
        return rest

    @property
    def answers(self) -> int:
        return len(self._texts)

    @property
    def is_cut(self) -> bool:
        """Whether the last answer is incomplete."""
        return not self._parser.is_over

    @property
    def open_element(self) -> str:
        """The element in which the text stops, if it is already in the plan; otherwise empty.

        Between two items of a list of objects there is none. With requested parts there is none either, because a part is put
        into the plan only when complete.
        """
        path = self._parser.open_path
        if not is_path(path[:1]) or not self.is_cut or self._takes_places:
            return ""
        items = self._found(path[:1])
        if not isinstance(items, list):
            return str(path[0])
        if items and isinstance(items[-1], dict):
            return element_of(path) if len(path) > 1 else ""
        return str(path[0])

    def is_strict(self) -> bool:
        """Returns whether every answer is strictly valid JSON, apart from text around it."""
        return all(_is_json("".join(text)) for text in self._texts)

    def _begin(self, *, has_heading: bool = False) -> None:
        self._parser, self._known = StreamingJSONParser(now=self._now, most_values=MOST_VALUES, most_items=MOST_ITEMS), 0
        self._texts.append([])
        self.live, self._heading = None, "" if has_heading else None

    def _add(self, text: str) -> bool:
        if self._heading is not None:
            line, end, text = (self._heading + text).partition("\n")
            self._heading = None if end else line
            if not end:
                return False
            self._takes_places, self._wanted = True, set(json.loads(line))
            if self._cut in self._wanted:
                # It is written again from its beginning, so it no longer counts as part of the plan.
                self.value = without(self.value, self._cut)
        self.chars += len(text)
        self._texts[-1].append(text)
        return self._parser.add_chunk(text) is not None and self._take()

    def _take(self) -> bool:
        parser = self._parser
        if self._takes_places:
            self._take_paths()
        elif parser.value is not None:
            self.value = parser.value
            self.elements += [
                dotted(path) for path in parser.finished[self._known :] if is_path(path) and element_of(path) == dotted(path)
            ]
        self._known = len(parser.finished)
        self.live = self._live()
        return True

    def _take_paths(self) -> None:
        for path in self._parser.finished[self._known :]:
            name = str(path[0]) if path else ""
            if len(path) == 1 and name in self._wanted and put(self.value, name, self._found(path)):
                self.elements.append(name)

    def _live(self) -> tuple[str, str] | None:
        path = self._parser.live
        if not path or not (self._takes_places or is_path(path)):
            return None
        element = dotted(path)
        if not self._takes_places:
            return element, self._found(path)
        if len(path) == 1 and element in self._wanted and put(self.value, element, self._found(path)):
            return element, self._found(path)
        return None

    def _found(self, path: Path) -> Any:
        value: Any = self._parser.value
        for step in path:
            value = value[step]
        return value


def _is_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(Opening().feed(text))
    except (ValueError, RecursionError):
        return False
    return True
