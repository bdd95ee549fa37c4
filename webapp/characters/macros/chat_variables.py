"""Variables that chats keep: the local ones of a chat, and those a person shares between all their chats. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.base.untrusted_json import clean

MOST_NAMES, NAME_CHARS, VALUE_CHARS, MOST_CHARS = 100, 100, 2_000, 20_000
# Size limit of an integer in a file: Python refuses to convert larger ones to a string.
MOST_BITS = 10_000


class VariableStore:
    """A mapping of names to values with size limits: `put` rejects what exceeds them. Loaded on first access."""

    def __init__(self, read: Callable[[], Mapping[str, str]] = dict) -> None:
        self._read, self.is_changed = read, False
        self._values: dict[str, str] | None = None
        self._before = dict[str, str]()
        self._chars = 0

    @property
    def values(self) -> dict[str, str]:
        if self._values is None:
            self._values = dict(self._read())
            self._before = dict(self._values)
            self._chars = sum(map(_chars, self._values.items()))
        return self._values

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    def put(self, name: str, value: str) -> bool:
        """Stores a value; returns False when there is no room for it."""
        before = _chars((name, self.values[name])) if name in self.values else 0
        more = _chars((name, value)) - before
        is_new = not before and len(self.values) >= MOST_NAMES
        if not name or is_new or len(name) > NAME_CHARS or len(value) > VALUE_CHARS or self._chars + more > MOST_CHARS:
            return False
        if self.values.get(name) != value:
            self.values[name], self.is_changed = value, True
            self._chars += more
        return True

    def drop(self, name: str) -> None:
        if name in self.values:
            self._chars -= _chars((name, self.values.pop(name)))
            self.is_changed = True

    def applied_to(self, now: Mapping[str, str]) -> dict[str, str]:
        """Returns these current values with the changes made in this store since it was read."""
        merged, mine = VariableStore(lambda: now), self.values
        for name in self._before.keys() - mine.keys():
            merged.drop(name)
        for name, value in mine.items():
            if self._before.get(name) != value:
                merged.put(name, value)
        return merged.values


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a chat at one point in it (`local`), and those of the chat's owner (`shared`)."""

    local: VariableStore = field(default_factory=VariableStore)
    shared: VariableStore = field(default_factory=VariableStore)


def storable(values: Any) -> dict[str, str]:
    """Returns the values of a file or a form that can be kept as variables, in order, as far as there is room."""
    store = VariableStore()
    for name, value in values.items() if isinstance(values, dict) else ():
        if isinstance(name, str) and isinstance(value, (str, int, float)):
            store.put(clean(name).strip(), clean(_text(value)))
    return store.values


def _chars(pair: tuple[str, str]) -> int:
    return len(pair[0]) + len(pair[1])


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return ""
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
