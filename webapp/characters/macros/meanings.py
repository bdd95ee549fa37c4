"""Macros that need no chat: time, random choices, and formatting. Pure."""

import re
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Protocol

from webapp.characters.macros import dates as macro_dates
from webapp.characters.macros.calls import TRIM, Call, Piece

# `3d6+2`, or just the number of sides of a single die.
DICE = re.compile(r"(\d{0,3})d(\d{1,9})([+-]\d{1,9})?|(\d{1,9})", re.IGNORECASE | re.ASCII)


class MacroContext(Protocol):
    """The context of a text; a macro that needs a time, a random generator or a place stays as written without it."""

    @property
    def now(self) -> datetime | None: ...

    @property
    def chance(self) -> Random | None: ...

    @property
    def place(self) -> str: ...

    def drawn(self, start: int, count: int) -> int:
        """Returns a number below `count` that is always the same for this offset of this text in this place."""

    def works(self, steps: int) -> bool:
        """Takes this many steps from the work budget; returns False if fewer are left."""


Given = Piece | str | None


def _random(call: Call, context: MacroContext) -> Given:
    if not call.pieces or not context.chance or not context.works(call.most_choices):
        return None
    return call.choice(context.chance.randrange)


def _pick(call: Call, context: MacroContext) -> Given:
    if not call.pieces or not context.place or not context.works(call.most_choices):
        return None
    return call.choice(lambda count: context.drawn(call.start, count))


def _roll(call: Call, context: MacroContext) -> Given:
    found = DICE.fullmatch(call.text.strip())
    if not found or not context.chance:
        return None
    dice, sides, more = int(found[1] or 1), int(found[2] or found[4]), int(found[3] or 0)
    if not dice or not sides or not context.works(dice):
        return None
    return str(sum(context.chance.randint(1, sides) for _ in range(dice)) + more)


def _reverse(call: Call, context: MacroContext) -> Given:
    return call.text[::-1] if call.pieces else None


def _formatted(call: Call, context: MacroContext) -> Given:
    form = call.text.strip()
    return macro_dates.formatted(context.now, form) if form and context.now and context.works(len(form)) else None


def _moment(form: str) -> Callable[[Call, MacroContext], Given]:
    return lambda call, context: macro_dates.formatted(context.now, form) if not call.pieces and context.now else None


def _apart(call: Call, context: MacroContext) -> Given:
    return macro_dates.apart(*call.parts) if len(call.parts) == 2 else None


def _always(given: Piece | str) -> Callable[[Call, MacroContext], Given]:
    return lambda call, context: given if not call.pieces else None


def _nothing(call: Call, context: MacroContext) -> Given:
    """Removes text that is meant for people who read the card."""
    return "" if call.pieces else None


MEANINGS: dict[str, Callable[[Call, MacroContext], Given]] = {
    "random": _random,
    "pick": _pick,
    "roll": _roll,
    "time": _moment("HH:mm"),
    "date": _moment("D MMMM YYYY"),
    "weekday": _moment("dddd"),
    "isotime": _moment("HH:mm"),
    "isodate": _moment("YYYY-MM-DD"),
    "datetimeformat": _formatted,
    "timediff": _apart,
    "newline": _always("\n"),
    "noop": _always(""),
    "trim": _always(TRIM),
    "reverse": _reverse,
    "//": _nothing,
    "comment": _nothing,
    "hidden_key": _nothing,
}
