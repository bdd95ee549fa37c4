"""Replaces the macros in roleplay texts: `{{user}}`, `{{random::a::b}}`, `{{time}}` and others. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from random import Random

from webapp.characters.macros import dates as macro_dates
from webapp.characters.macros.calls import TRIM, MacroCall, MacroPiece, replaced
from webapp.characters.macros.chat_variables import Variables, VariableStore

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
# Does not match the shorthands for variables, which begin with a dot or a dollar sign: all of them are supported.
ANY = re.compile(r"\{\{\s*#?([a-z][a-z0-9_]{0,40})", re.IGNORECASE | re.ASCII)
# The budget of one text: how many characters can be inserted besides names, how many braces are parsed, and how many steps of
# work are done for them. It is used up after about 10 ms.
MOST_MORE_CHARS, MOST_BRACES, MOST_STEPS = 100_000, 2_000, 5_000
# `3d6+2`, or just the number of sides of a single die.
DICE = re.compile(r"(\d{0,3})d(\d{1,9})([+-]\d{1,9})?|(\d{1,9})", re.IGNORECASE | re.ASCII)
NUMBER = re.compile(r"[+-]?[0-9]{1,25}(\.[0-9]{1,15})?", re.ASCII)


def _unknown(name: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Names:
    """The names and other values that replace macros; a macro without a known value stays as written.

    `texts` returns a text of the card or the persona by a name of `TEXTS`, `words` a value by a name of `WORDS`, and `outlet`
    the lorebook entries of an outlet. `{{pick}}` always draws the same choice in the chat `chat_id`.
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
    chat_id: str = ""

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
        return _TextFilling(self, text, room, original).filled()

    def fill_names(self, text: str) -> str:
        """Replaces only `{{user}}` and `{{char}}`."""
        names = {"user": self.user, "char": self.char}
        return MACRO.sub(lambda match: names[match[1].lower()] or match[0], text)


def spelled(text: str) -> str:
    """Rewrites the names of early cards, such as `<USER>`, as macros."""
    return LEGACY.sub(lambda match: FIRST[match[1].lower()], text)


def unsupported(texts: Iterable[str]) -> list[str]:
    """Returns the unsupported macros in these texts, without duplicates, as first written."""
    names = {name.lower(): name for text in texts for name in ANY.findall(text)}
    return [name for key, name in names.items() if key not in KNOWN]


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


class _TextFilling:
    """A text being filled in; `within` names the texts it is nested in, which it cannot include, so recursion ends.

    A macro that needs a time, a random generator or a chat stays as written without it.
    """

    def __init__(self, names: Names, text: str, room: _Budget, original: str = "", within: tuple[str, ...] = ()) -> None:
        self.now, self.chance, self.chat_id, self.works = names.now, names.chance, names.chat_id, room.works
        self._names, self._text, self._budget, self._original, self._within = names, text, room, original, within

    def filled(self) -> str:
        rest = str if self._within else self._names.fill_names
        return replaced(self._text, self._meaning, is_within=self._budget.is_within, rest=rest, named=NAMED)

    def drawn(self, start: int, count: int) -> int:
        """Returns a number below `count` that is always the same for this offset of this text in this chat."""
        digest = self._digest.copy()
        digest.update(str(start).encode())
        return int.from_bytes(digest.digest()[:8]) % count

    @cached_property
    def _digest(self) -> "hashlib._Hash":
        return hashlib.sha256(f"{self.chat_id}\0{self._text}\0".encode("utf-8", "replace"))

    def _meaning(self, call: MacroCall) -> MacroPiece | None:
        if call.name in VARIABLE_MACROS:
            text = variable_macro(call, self._names.variables) if self._names.variables else None
            return MacroPiece(text) if text is not None and self._budget.holds(text) else None
        if call.name == NUMBERED and call.text.strip().isdecimal():
            return self._own_text(f"{NUMBERED}::{call.text.strip()[:4]}")
        if call.name == "outlet" and len(call.parts) == 1:
            name = f"outlet::{call.parts[0]}"
            return None if name in self._within else self._put_in(name, self._names.outlet(call.parts[0]))
        if not (meaning := MEANINGS.get(call.name)):
            return None if call.pieces else self._context_value(call.name)
        value = meaning(call, self)
        return MacroPiece(value) if isinstance(value, str) else value

    def _context_value(self, name: str) -> MacroPiece | None:
        if name in NAMES or name in GROUP:
            text = self._names.user if NAMES.get(name) == "user" else self._names.char
            text = self._names.group or text if name in GROUP else text
            # Names in the text itself are always filled in; an inserted text can contain many, so its names count towards the
            # budget.
            return MacroPiece(text) if text and (not self._within or self._budget.holds(text)) else None
        if name == "original":
            return self._put_in(name, self._original)
        if name in TEXTS:
            return self._own_text(name)
        word = self._names.words(name) if name in WORDS else None
        return MacroPiece(word) if word is not None and self._budget.holds(word) else None

    def _own_text(self, name: str) -> MacroPiece | None:
        return None if name in self._within else self._put_in(name, self._names.texts(name))

    def _put_in(self, name: str, text: str | None) -> MacroPiece | None:
        if text is None or not self._budget.holds(text):
            return None
        return MacroPiece(_TextFilling(self._names, text, self._budget, within=(*self._within, name)).filled())


Given = MacroPiece | str | None


def _random(call: MacroCall, context: _TextFilling) -> Given:
    if not call.pieces or not context.chance or not context.works(call.most_choices):
        return None
    return call.choice(context.chance.randrange)


def _pick(call: MacroCall, context: _TextFilling) -> Given:
    if not call.pieces or not context.chat_id or not context.works(call.most_choices):
        return None
    return call.choice(lambda count: context.drawn(call.start, count))


def _roll(call: MacroCall, context: _TextFilling) -> Given:
    match = DICE.fullmatch(call.text.strip())
    if not match or not context.chance:
        return None
    dice, sides, more = int(match[1] or 1), int(match[2] or match[4]), int(match[3] or 0)
    if not dice or not sides or not context.works(dice):
        return None
    return str(sum(context.chance.randint(1, sides) for _ in range(dice)) + more)


def _reverse(call: MacroCall, context: _TextFilling) -> Given:
    return call.text[::-1] if call.pieces else None


def _formatted(call: MacroCall, context: _TextFilling) -> Given:
    form = call.text.strip()
    return macro_dates.formatted(context.now, form) if form and context.now and context.works(len(form)) else None


def _moment(form: str) -> Callable[[MacroCall, _TextFilling], Given]:
    return lambda call, context: macro_dates.formatted(context.now, form) if not call.pieces and context.now else None


def _apart(call: MacroCall, context: _TextFilling) -> Given:
    return macro_dates.apart(*call.parts) if len(call.parts) == 2 else None


def _always(value: MacroPiece | str) -> Callable[[MacroCall, _TextFilling], Given]:
    return lambda call, context: value if not call.pieces else None


def _nothing(call: MacroCall, context: _TextFilling) -> Given:
    """Removes text that is meant for people who read the card."""
    return "" if call.pieces else None


MEANINGS: dict[str, Callable[[MacroCall, _TextFilling], Given]] = {
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


def variable_macro(call: MacroCall, variables: Variables) -> str | None:
    """Executes a macro of `MEANINGS` and returns its output; None if the arguments don't fit."""
    does, store = VARIABLE_MACROS[call.name]
    name, *value = call.parts or [""]
    if not name or bool(value) != (does in (_set, _add)):
        return None
    return does(variables.shared if store == "globalvar" else variables.local, name, "::".join(value))


def _get(store: VariableStore, name: str, _: str) -> str:
    return store.get(name)


def _set(store: VariableStore, name: str, value: str) -> str:
    store.put(name, value)
    return ""


def _add(store: VariableStore, name: str, value: str) -> str:
    store.put(name, _sum(store.get(name), value))
    return ""


def _inc(store: VariableStore, name: str, _: str) -> str:
    _add(store, name, "1")
    return store.get(name)


def _dec(store: VariableStore, name: str, _: str) -> str:
    _add(store, name, "-1")
    return store.get(name)


def _has(store: VariableStore, name: str, _: str) -> str:
    return "true" if name in store.values else "false"


def _delete(store: VariableStore, name: str, _: str) -> str:
    store.drop(name)
    return ""


def _sum(one: str, other: str) -> str:
    """Adds two numbers, or concatenates the texts if one is not a number; an unset variable counts as 0."""
    if not NUMBER.fullmatch(one or "0") or not NUMBER.fullmatch(other):
        return one + other
    total = f"{Decimal(one or '0') + Decimal(other):f}"
    return total.rstrip("0").rstrip(".") if "." in total else total


DOES = {"get": _get, "set": _set, "add": _add, "inc": _inc, "dec": _dec, "has": _has, "delete": _delete}
VARIABLE_MACROS = {f"{name}{store}": (does, store) for store in ("var", "globalvar") for name, does in DOES.items()}

KNOWN = frozenset(("original", "outlet", "if", "else", *NAMED, *MEANINGS, *VARIABLE_MACROS))
