"""Replaces the macros in roleplay texts: `{{user}}`, `{{random::a::b}}`, `{{time}}` and others. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from random import Random

from webapp.characters.macros import variables as macro_variables
from webapp.characters.macros.calls import Call, Piece, replaced
from webapp.characters.macros.chat_variables import Variables
from webapp.characters.macros.meanings import MEANINGS

# The spelling of the same macros in early cards, such as `<USER>`.
FIRST = {"user": "{{user}}", "bot": "{{char}}", "char": "{{char}}", "group": "{{group}}", "charifnotgroup": "{{charIfNotGroup}}"}
LEGACY = re.compile(rf"<({'|'.join(FIRST)})>", re.IGNORECASE | re.ASCII)
MACRO = re.compile(r"\{\{(user|char)\}\}", re.IGNORECASE | re.ASCII)
# The attribute of `Names` that each macro inserts; in a group chat, `{{char}}` depends on the speaker.
NAMES = {"user": "user", "char": "char", "notchar": "user"}
# All characters of a group chat, or the only character of another chat.
GROUP = ("group", "groupnotmuted", "charifnotgroup")
# Texts of the card and the persona, which can contain macros themselves.
TEXTS = (
    *("description", "personality", "scenario", "mesexamples", "charprompt", "charinstruction", "charcreatornotes"),
    *("charversion", "charfirstmessage", "chardepthprompt", "mesexamplesraw", "persona"),
)
# Takes the number of a greeting as its argument.
NUMBERED = "charfirstmessage"
# Values that are known when a prompt is built; macros inside them are not replaced.
WORDS = (
    *("lastmessage", "lastusermessage", "lastcharmessage", "model", "lastmessageid", "firstincludedmessageid"),
    *("lastswipeid", "currentswipeid", "idleduration", "summary", "maxprompt"),
)
NAMED = frozenset((*NAMES, *GROUP, *TEXTS, *WORDS))
KNOWN = frozenset(("original", "outlet", "if", "else", *NAMED, *MEANINGS, *macro_variables.MEANINGS))
# Does not match the shorthands for variables, which begin with a dot or a dollar sign: all of them are supported.
ANY = re.compile(r"\{\{\s*#?([a-z][a-z0-9_]{0,40})", re.IGNORECASE | re.ASCII)
# The budget of one text: how many characters can be inserted besides names, how many braces are parsed, and how many steps of
# work are done for them. It is used up after about 10 ms.
MOST_MORE_CHARS, MOST_BRACES, MOST_STEPS = 100_000, 2_000, 5_000


def _unknown(name: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Names:
    """The names and other values that replace macros; a macro without a known value stays as written.

    `texts` returns a text of the card or the persona by a name of `TEXTS`, `words` a value by a name of `WORDS`, and `outlet`
    the lorebook entries of an outlet. `place` is the chat: `{{pick}}` always draws the same choice in it.
    """

    user: str = ""
    char: str = ""
    group: str = ""
    texts: Callable[[str], str | None] = _unknown
    words: Callable[[str], str | None] = _unknown
    # Without a value, the macros that need one of these stay as written.
    variables: Variables | None = None
    outlet: Callable[[str], str | None] = _unknown
    now: datetime | None = None
    chance: Random | None = None
    place: str = ""

    def fill(self, text: str, *, original: str = "") -> str:
        """Replaces every macro that has a value; the rest of the text stays as written.

        `original` is the text that this one overrides, for `{{original}}`.
        """
        return self._filled(text, _Budget(), original)

    def together(self) -> Callable[[str], str]:
        """Returns a function that fills in several texts within the budget of one."""
        room = _Budget()
        return lambda text: self._filled(text, room)

    def _filled(self, text: str, room: "_Budget", original: str = "") -> str:
        if "{{" not in text or not (self.user or self.char):
            return text
        return _Filling(self, text, room, original).filled()

    def fill_names(self, text: str) -> str:
        """Replaces only `{{user}}` and `{{char}}`."""
        names = {"user": self.user, "char": self.char}
        return MACRO.sub(lambda found: names[found[1].lower()] or found[0], text)


def spelled(text: str) -> str:
    """Rewrites the names of early cards, such as `<USER>`, as macros."""
    return LEGACY.sub(lambda found: FIRST[found[1].lower()], text)


def unsupported(texts: Iterable[str]) -> list[str]:
    """Returns the unsupported macros in these texts, without duplicates, as first written."""
    found = {name.lower(): name for text in texts for name in ANY.findall(text)}
    return [name for each, name in found.items() if each not in KNOWN]


@dataclass(slots=True)
class _Budget:
    """The remaining budget of a text and everything inserted into it."""

    chars: int = MOST_MORE_CHARS
    braces: int = MOST_BRACES
    steps: int = MOST_STEPS

    def holds(self, text: str) -> bool:
        if has_room := len(text) <= self.chars:
            self.chars -= len(text)
        return has_room

    def is_within(self) -> bool:
        self.braces -= 1
        return self.braces >= 0

    def works(self, steps: int) -> bool:
        if has_time := steps <= self.steps:
            self.steps -= steps
        return has_time


class _Filling:
    """A text being filled in; `within` names the texts it is nested in, which it cannot include, so recursion ends."""

    def __init__(self, names: Names, text: str, room: _Budget, original: str = "", within: tuple[str, ...] = ()) -> None:
        self.now, self.chance, self.place, self.works = names.now, names.chance, names.place, room.works
        self._names, self._text, self._budget, self._original, self._within = names, text, room, original, within

    def filled(self) -> str:
        rest = str if self._within else self._names.fill_names
        return replaced(self._text, self._meaning, is_within=self._budget.is_within, rest=rest, named=NAMED)

    def drawn(self, start: int, count: int) -> int:
        """Returns a number below `count` that is always the same for this offset of this text in this place."""
        digest = self._digest.copy()
        digest.update(str(start).encode())
        return int.from_bytes(digest.digest()[:8]) % count

    @cached_property
    def _digest(self) -> "hashlib._Hash":
        return hashlib.sha256(f"{self.place}\0{self._text}\0".encode("utf-8", "replace"))

    def _meaning(self, call: Call) -> Piece | None:
        if call.name in macro_variables.MEANINGS:
            text = macro_variables.meant(call, self._names.variables) if self._names.variables else None
            return Piece(text) if text is not None and self._budget.holds(text) else None
        if call.name == NUMBERED and call.text.strip().isdecimal():
            return self._own_text(f"{NUMBERED}::{call.text.strip()[:4]}")
        if call.name == "outlet" and len(call.parts) == 1:
            name = f"outlet::{call.parts[0]}"
            return None if name in self._within else self._put_in(name, self._names.outlet(call.parts[0]))
        if not (known := MEANINGS.get(call.name)):
            return None if call.pieces else self._context_value(call.name)
        given = known(call, self)
        return Piece(given) if isinstance(given, str) else given

    def _context_value(self, name: str) -> Piece | None:
        if name in NAMES or name in GROUP:
            known = self._names.user if NAMES.get(name) == "user" else self._names.char
            known = self._names.group or known if name in GROUP else known
            # Names in the text itself are always filled in; an inserted text can contain many, so its names count towards the
            # budget.
            return Piece(known) if known and (not self._within or self._budget.holds(known)) else None
        if name == "original":
            return self._put_in(name, self._original)
        if name in TEXTS:
            return self._own_text(name)
        word = self._names.words(name) if name in WORDS else None
        return Piece(word) if word is not None and self._budget.holds(word) else None

    def _own_text(self, name: str) -> Piece | None:
        return None if name in self._within else self._put_in(name, self._names.texts(name))

    def _put_in(self, name: str, text: str | None) -> Piece | None:
        if text is None or not self._budget.holds(text):
            return None
        return Piece(_Filling(self._names, text, self._budget, within=(*self._within, name)).filled())
