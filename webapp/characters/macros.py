"""What stands for something else in texts of roleplay: `{{user}}`, `{{random::a::b}}`, `{{time}}` and others. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from random import Random

from webapp.bags import Variables
from webapp.characters import macro_variables
from webapp.characters.macro_calls import Call, Piece, replaced
from webapp.characters.macro_meanings import MEANINGS

# How the first cards wrote the same.
FIRST = {"user": "{{user}}", "bot": "{{char}}", "char": "{{char}}", "group": "{{group}}", "charifnotgroup": "{{charIfNotGroup}}"}
LEGACY = re.compile(rf"<({'|'.join(FIRST)})>", re.IGNORECASE | re.ASCII)
MACRO = re.compile(r"\{\{(user|char)\}\}", re.IGNORECASE | re.ASCII)
# Whom each of them names: with several characters, these are not always the same.
NAMES = {"user": "user", "char": "char", "notchar": "user"}
# All who speak in a chat with several characters, else the one.
GROUP = ("group", "groupnotmuted", "charifnotgroup")
# What a card and a persona say: these may hold macros themselves.
TEXTS = (
    *("description", "personality", "scenario", "mesexamples", "charprompt", "charinstruction", "charcreatornotes"),
    *("charversion", "charfirstmessage", "chardepthprompt", "mesexamplesraw", "persona"),
)
# Of which of its greetings.
NUMBERED = "charfirstmessage"
# What is at hand for a prompt: it stays as it is.
WORDS = (
    *("lastmessage", "lastusermessage", "lastcharmessage", "model", "lastmessageid", "firstincludedmessageid"),
    *("lastswipeid", "currentswipeid", "idleduration", "summary", "maxprompt"),
)
NAMED = frozenset((*NAMES, *GROUP, *TEXTS, *WORDS))
KNOWN = frozenset(("original", "outlet", "if", "else", *NAMED, *MEANINGS, *macro_variables.MEANINGS))
# Those of variables, which begin with a dot or a dollar, are known all.
ANY = re.compile(r"\{\{\s*#?([a-z][a-z0-9_]{0,40})", re.IGNORECASE | re.ASCII)
# How much longer a text may get by what is put into it, beside names; how many braces of it are looked at, and how much work
# may be done for them: about 10 ms.
MOST_MORE_CHARS, MOST_BRACES, MOST_STEPS = 100_000, 2_000, 5_000


def _unknown(name: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Names:
    """Who speaks with whom, and what else a text can ask for; what nobody has or knows is not filled in.

    `texts` gives what a card or a persona says by a name of `TEXTS`, `words` what is known by those of `WORDS`, and
    `outlet` what stands in an outlet of this name. `place` is the chat, for what shall stay the same in it.
    """

    user: str = ""
    char: str = ""
    group: str = ""
    texts: Callable[[str], str | None] = _unknown
    words: Callable[[str], str | None] = _unknown
    # Without these, what has to do with them stays as it was written.
    variables: Variables | None = None
    outlet: Callable[[str], str | None] = _unknown
    now: datetime | None = None
    chance: Random | None = None
    place: str = ""

    def fill(self, text: str, *, original: str = "") -> str:
        """The text with all that is known in it; everything else stays as it was written.

        `original` is the text that this one replaces, if it does.
        """
        return self._filled(text, _Room(), original)

    def together(self) -> Callable[[str], str]:
        """Fills in several texts, which together cost no more than one."""
        room = _Room()
        return lambda text: self._filled(text, room)

    def _filled(self, text: str, room: "_Room", original: str = "") -> str:
        if "{{" not in text or not (self.user or self.char):
            return text
        return _Filling(self, text, room, original).filled()

    def fill_names(self, text: str) -> str:
        """The text with `{{user}}` and `{{char}}` in it, and nothing else."""
        names = {"user": self.user, "char": self.char}
        return MACRO.sub(lambda found: names[found[1].lower()] or found[0], text)


def spelled(text: str) -> str:
    """The text with the names of the first cards in the spelling of ours."""
    return LEGACY.sub(lambda found: FIRST[found[1].lower()], text)


def unsupported(texts: Iterable[str]) -> list[str]:
    """The macros in these texts that nothing stands for, each once, as they are first written."""
    found = {name.lower(): name for text in texts for name in ANY.findall(text)}
    return [name for each, name in found.items() if each not in KNOWN]


@dataclass(slots=True)
class _Room:
    """What one text may cost, with all that is put into it."""

    chars: int = MOST_MORE_CHARS
    braces: int = MOST_BRACES
    steps: int = MOST_STEPS

    def holds(self, text: str) -> bool:
        if has_room := len(text) <= self.chars:
            self.chars -= len(text)
        return has_room

    def goes_on(self) -> bool:
        self.braces -= 1
        return self.braces >= 0

    def works(self, steps: int) -> bool:
        if has_time := steps <= self.steps:
            self.steps -= steps
        return has_time


class _Filling:
    """One text that is being filled in; `within` are the names of those that it is put into, which it cannot ask for."""

    def __init__(self, names: Names, text: str, room: _Room, original: str = "", within: tuple[str, ...] = ()) -> None:
        self.now, self.chance, self.place, self.works = names.now, names.chance, names.place, room.works
        self._names, self._text, self._room, self._original, self._within = names, text, room, original, within

    def filled(self) -> str:
        rest = str if self._within else self._names.fill_names
        return replaced(self._text, self._meaning, goes_on=self._room.goes_on, rest=rest, named=NAMED)

    def drawn(self, start: int, count: int) -> int:
        """A number below `count` that is always the same for what starts here in this text of this place."""
        digest = self._digest.copy()
        digest.update(str(start).encode())
        return int.from_bytes(digest.digest()[:8]) % count

    @cached_property
    def _digest(self) -> "hashlib._Hash":
        return hashlib.sha256(f"{self.place}\0{self._text}\0".encode("utf-8", "replace"))

    def _meaning(self, call: Call) -> Piece | None:
        if call.name in macro_variables.MEANINGS:
            told = macro_variables.meant(call, self._names.variables) if self._names.variables else None
            return Piece(told) if told is not None and self._room.holds(told) else None
        if call.name == NUMBERED and call.text.strip().isdecimal():
            return self._told(f"{NUMBERED}::{call.text.strip()[:4]}")
        if call.name == "outlet" and len(call.parts) == 1:
            name = f"outlet::{call.parts[0]}"
            return None if name in self._within else self._put_in(name, self._names.outlet(call.parts[0]))
        if not (known := MEANINGS.get(call.name)):
            return None if call.pieces else self._asked(call.name)
        given = known(call, self)
        return Piece(given) if isinstance(given, str) else given

    def _asked(self, name: str) -> Piece | None:
        if name in NAMES or name in GROUP:
            known = self._names.user if NAMES.get(name) == "user" else self._names.char
            known = self._names.group or known if name in GROUP else known
            # What is put into a text may hold many names; of those in the text itself each is filled in.
            return Piece(known) if known and (not self._within or self._room.holds(known)) else None
        if name == "original":
            return self._put_in(name, self._original)
        if name in TEXTS:
            return self._told(name)
        word = self._names.words(name) if name in WORDS else None
        return Piece(word) if word is not None and self._room.holds(word) else None

    def _told(self, name: str) -> Piece | None:
        return None if name in self._within else self._put_in(name, self._names.texts(name))

    def _put_in(self, name: str, text: str | None) -> Piece | None:
        if text is None or not self._room.holds(text):
            return None
        return Piece(_Filling(self._names, text, self._room, within=(*self._within, name)).filled())
