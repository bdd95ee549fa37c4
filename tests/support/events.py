"""Any events of a generation, for property tests."""

from typing import Any

from hypothesis import strategies as st

from webapp.streaming.events import Asked, GenerationEvent, Returned, Sources

# The items in an event's list can be any JSON objects, and a call's arguments one of them, or a text.
OBJECTS = st.dictionaries(st.text(), st.text() | st.integers())
ITEMS = st.lists(OBJECTS).map(tuple)
OF_ANY_JSON: dict[type[GenerationEvent], dict[str, st.SearchStrategy[Any]]] = {
    Sources: {"items": ITEMS},
    Asked: {"arguments": st.text() | OBJECTS},
    Returned: {"sources": ITEMS},
}


def any_event(kind: type[GenerationEvent]) -> st.SearchStrategy[GenerationEvent]:
    """Returns any event of this type."""
    return st.builds(kind, **OF_ANY_JSON.get(kind, {}))
