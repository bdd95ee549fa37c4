"""The languages of pages: which there are, what their texts are, and in which one a page is being made. Pure.

Templates and code are in English. Other languages have catalogues, `de.mo` as gettext reads it; a text that a catalogue lacks,
or has without its placeholders and tags, is shown in English.
"""

import calendar
import gettext as library
import json
import logging
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

log = logging.getLogger("languages")

# A day, also as a point in time.
Moment = date
ENGLISH = "en"
RIGHT_TO_LEFT = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}
CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# What a translation must have as often as its text: a placeholder, a tag, a reference of HTML.
FIXED = re.compile(r"%(?:\(\w+\))?s|%%|<[^>]*>?|&#?\w+;")


@dataclass(frozen=True)
class Formats:
    """What a language calls itself, and how it writes numbers, days and lists: what `catalogues.py` has put beside its texts."""

    name: str = ""
    group: str = ","
    decimal: str = "."
    months: Sequence[str] = tuple(calendar.month_name[1:])
    short_months: Sequence[str] = tuple(calendar.month_abbr[1:])
    # As they stand without a day.
    only_months: Sequence[str] = tuple(calendar.month_name[1:])
    day: str = "{day} {month} {year}"
    short_day: str = "{day} {short_month} {year}"
    day_of_year: str = "{day} {short_month}"
    only_month: str = "{month} {year}"
    between: str = ", "
    before_last: str = ", "

    def number(self, value: float) -> str:
        return f"{value:,}".translate({ord(","): self.group, ord("."): self.decimal})

    def rounded(self, value: float, digits: int) -> str:
        """Formats a number with at most so many digits after the point, and none if it is whole."""
        rounded = round(float(value), digits)
        return self.number(int(rounded) if rounded.is_integer() else rounded)

    def month(self, moment: Moment) -> str:
        return self.only_month.format(month=self.only_months[moment.month - 1], number=moment.month, year=moment.year)

    def date(self, moment: Moment, *, is_short: bool = False) -> str:
        return self._written(self.short_day if is_short else self.day, moment)

    def day_and_month(self, moment: Moment) -> str:
        """Returns a day without its year: `1 Nov`."""
        return self._written(self.day_of_year, moment)

    def _written(self, template: str, moment: Moment) -> str:
        names = {"month": self.months[moment.month - 1], "short_month": self.short_months[moment.month - 1]}
        return template.format(day=moment.day, number=moment.month, year=moment.year, short_year=moment.year % 100, **names)

    def listed(self, items: Iterable[str]) -> str:
        *first, last = [*items] or [""]
        return self.before_last.join(filter(None, (self.between.join(first), last)))


class Language:
    """One language, whose catalogue is read when the first page is made in it."""

    def __init__(self, code: str, file: Path | None = None) -> None:
        self.code, self._file = code, file
        self.direction = "rtl" if code.partition("-")[0] in RIGHT_TO_LEFT else "ltr"
        self.texts = Texts(self._translated)
        # The texts of templates, as they stand in HTML.
        self.html: dict[str, str] = {}

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return self.formats.name or self.code if self._file else "English"

    def counted(self, one: str, many: str, count: int) -> str:
        """Returns the form of a text that the language has for this number."""
        words = self._catalog.ngettext(one, many, count)
        return words if fits(many, words) or fits(one, words) else one if count == 1 else many

    @cached_property
    def formats(self) -> Formats:
        try:
            return Formats(**json.loads(self._file.with_suffix(".json").read_text("utf-8"))) if self._file else Formats()
        except (OSError, ValueError, TypeError):
            return Formats()

    @cached_property
    def _catalog(self) -> library.NullTranslations:
        if not self._file:
            return library.NullTranslations()
        try:
            with self._file.open("rb") as file:
                return library.GNUTranslations(file)
        except (OSError, ValueError, LookupError, struct.error) as error:
            log.warning("%s is no catalogue, and its pages are in English: %s", self._file.name, error)
            return library.NullTranslations()

    def _translated(self, text: str) -> str:
        # The empty text stands for what a catalogue says of itself.
        words = self._catalog.gettext(text) if text else text
        return words if fits(text, words) else text


class Texts(dict[str, str]):
    """The texts of a language by their English ones; each is looked up and checked once."""

    def __init__(self, look_up: Callable[[str], str]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, text: str) -> str:
        words = self._look_up(text)
        # What has no translation may be anything that a person named.
        if words is not text:
            self[text] = words
        return words


_ENGLISH = Language(ENGLISH)
_languages: dict[str, Language] = {ENGLISH: _ENGLISH}
_current: ContextVar[Language] = ContextVar("language", default=_ENGLISH)


def load(folder: Path) -> None:
    """Makes the catalogues of a folder, as `catalogues.compile_all` writes them, the languages that there are beside English."""
    _languages.clear()
    files = (file for file in sorted(folder.glob("*.mo")) if CODE.fullmatch(file.stem) and file.stem != ENGLISH)
    _languages.update({ENGLISH: _ENGLISH} | {file.stem: Language(file.stem, file) for file in files})


def offered() -> dict[str, str]:
    """Returns the names of all languages by their codes."""
    return {code: language.name for code, language in _languages.items()}


def codes() -> list[str]:
    return [*_languages]


def current() -> Language:
    """Returns the language in which a page is being made."""
    return _current.get()


def use(code: str) -> None:
    """Makes pages in this language from now on, in this greenlet; an unknown one is English."""
    _current.set(_languages.get(code, _ENGLISH))


@contextmanager
def using(code: str) -> Iterator[None]:
    """Makes pages in this language inside the block."""
    before = _current.get()
    use(code)
    try:
        yield
    finally:
        _current.set(before)


def gettext(text: str, **values: object) -> str:
    """Returns a text in the current language, with these values in its placeholders."""
    words = _current.get().texts[text]
    return words % values if values else words


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """Returns the text for a number in the current language, in which `%(num)s` is the number."""
    language = _current.get()
    return language.counted(one, many, count) % {"num": language.formats.number(count), **values}


def lowered(words: str) -> str:
    """Returns a text of the current language inside a sentence: in English without its capital (German nouns keep it)."""
    return words[:1].lower() + words[1:] if _current.get() is _ENGLISH else words


def fits(text: str, words: str) -> bool:
    """Returns whether a translation has the placeholders and tags of its text."""
    return words is text or sorted(FIXED.findall(text)) == sorted(FIXED.findall(words))
