"""The difference between two states of a growing text, as one edit short enough to be sent with every word. Pure.

An edit counts from the end, where the changes are, in UTF-16 code units, as browsers do:

    |text                   text at the cursor
    back keep|markup        markup instead of all but the last `keep` of the last `back` characters
    back keep tail|markup   the same; then all but the last `tail` characters of the result are finished

After the `|`, \\c is the cursor and \\n the end of a line, which would cost seven bytes in an event.
"""

from webapp.rendering.elements import CURSOR

# A page that is further behind gets the whole tail again, by an edit that replaces more characters than any text has.
REMEMBERED = 8
EVERYTHING = 10**9


class Tails:
    """The tails that pages can have: the latest rendered ones, each with the additions at its cursor since."""

    def __init__(self) -> None:
        self._number = 0
        self._drawn: dict[int, tuple[str, list[str]]] = {0: ("", [])}

    @property
    def position(self) -> tuple[int, int]:
        """The position of the text now: the number of the last tail, and how many additions it has."""
        return self._number, len(self._drawn[self._number][1])

    def draw(self, markup: str) -> None:
        self._number += 1
        self._drawn[self._number] = (markup, [])
        self._drawn.pop(self._number - REMEMBERED, None)

    def add(self, markup: str) -> None:
        self._drawn[self._number][1].append(markup)

    def since(self, position: tuple[int, ...], sealed: str) -> str:
        """Returns the edit from `position` to the current one, or nothing; `sealed` are the blocks finished in between."""
        if position[:1] == (self._number,) and not sealed:
            added = "".join(self._drawn[self._number][1][position[1] :])
            return f"|{_brief(added)}" if added else ""
        before = self._at(*position) if position and position[0] in self._drawn else None
        return edit(before, sealed, self._at(*self.position))

    def _at(self, number: int, additions: int) -> str:
        markup, added = self._drawn[number]
        return markup.replace(CURSOR, "".join([*added[:additions], CURSOR]))


def edit(before: str | None, sealed: str, tail: str) -> str:
    """Returns the edit from the tail `before` to the `sealed` blocks and the new `tail`; without `before`, it replaces all."""
    after = sealed + tail
    if before is None:
        return f"{EVERYTHING} 0 {_units(tail)}|{_brief(after)}"
    start = _alike(before, after)
    back = before[start:]
    keep = _alike(back[::-1], after[start:][::-1])
    end = len(after) - keep
    if not sealed and keep == len(back) and back.startswith(CURSOR) and "<" not in after[start:end]:
        return f"|{_brief(after[start:end])}"
    numbers = [_units(back), _units(after[end:]), *([_units(tail)] if sealed else [])]
    return f"{' '.join(map(str, numbers))}|{_brief(after[start:end])}"


def _alike(one: str, other: str) -> int:
    """Returns the length of the common prefix of two texts, by binary search, because comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _brief(markup: str) -> str:
    return markup.replace("\\", "\\\\").replace("\n", "\\n").replace(CURSOR, "\\c")


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
