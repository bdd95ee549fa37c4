"""Takes the name off the beginning of an answer: models that read names before all messages write one too."""

from collections.abc import Iterator
from contextlib import closing

from webapp.engine.engine import Source
from webapp.streaming.events import Delta, Event
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

# Around the name; a model that says nothing else for ever is read as it comes.
MOST_SPACE = 100


class Unnamed:
    """A source without the name and the colon that its text may begin with; what may still become them waits."""

    def __init__(self, name: str, source: Source) -> None:
        self._opening, self._source = f"{name}:", source

    def events(self, stop: Stop) -> Iterator[Event]:
        held, is_beginning = "", True
        with closing(self._source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            try:
                for event in events:
                    if is_beginning and isinstance(event, Delta):
                        held += event.text
                        if self._may_become_it(held):
                            continue
                        is_beginning, event, held = False, Delta(self._without(held)), ""
                    elif held and not isinstance(event, Delta):
                        # Nothing is kept back behind the words of anything else, such as the end.
                        is_beginning, said, held = False, self._without(held), ""
                        yield from [Delta(said)] if said else []
                    yield event
            except ProviderError:
                # What came before it was said.
                yield from [Delta(said)] if (said := self._without(held)) else []
                raise

    def look(self) -> str:
        return self._source.look()

    def _may_become_it(self, held: str) -> bool:
        text = held.lstrip()
        if len(held) > len(self._opening) + MOST_SPACE:
            return False
        return self._opening.startswith(text) or (text.startswith(self._opening) and not text[len(self._opening) :].strip())

    def _without(self, held: str) -> str:
        text = held.lstrip()
        return text[len(self._opening) :].lstrip() if text.startswith(self._opening) else held
