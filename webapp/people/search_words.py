"""Words of a search that narrow it: `tag:recipes project:"New house" from:ada before:2026-03-01`. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from webapp.base.languages import gettext as _

# By what a search of chats can be narrowed, with the label of each and an example.
KEYS = {
    "tag": ("Tag", "tag:recipes"),
    "project": ("Project", 'project:"New house"'),
    "model": ("Model", "model:claude"),
    "from": ("Written by", "from:ada"),
    "after": ("Since", "after:2026-01-31"),
    "before": ("Before", "before:2026-01-31"),
    "has": ("With", "has:file"),
}
# A chat can have several tags; of the others, the last one counts.
REPEATED = {"tag"}
MOST_FILTERS, MOST_CHARS = 12, 120
FILTER = re.compile(rf'(?<!\S)({"|".join(KEYS)}):(?:"([^"]*)"?|(\S*))', re.IGNORECASE)
DAY, MONTH, YEAR = re.compile(r"\d{4}-\d{1,2}-\d{1,2}"), re.compile(r"\d{4}-\d{1,2}"), re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Filter:
    """One such word: its key and its value."""

    key: str
    value: str

    def __str__(self) -> str:
        return f'{self.key}:"{self.value}"' if " " in self.value else f"{self.key}:{self.value}"

    @property
    def label(self) -> str:
        return _(KEYS[self.key][0])


@dataclass(frozen=True, slots=True)
class SearchWords:
    """The text to be found, and what narrows the search."""

    text: str
    filters: tuple[Filter, ...] = ()

    def __str__(self) -> str:
        return " ".join(filter(None, (*map(str, self.filters), self.text)))

    def without(self, filter: Filter) -> "SearchWords":
        return SearchWords(self.text, tuple(other for other in self.filters if other != filter))

    def values(self, key: str) -> list[str]:
        return [filter.value for filter in self.filters if filter.key == key]


def parse(query: str) -> SearchWords:
    """Returns a query in its parts; every text is one, as what isn't `key:value` is a text to be found."""
    filters = [(match[1].lower(), match[2] or match[3] or "") for match in FILTER.finditer(query)]
    return of(" ".join(FILTER.sub(" ", query).split()), filters)


def of(text: str, filters: Iterable[tuple[str, str]]) -> SearchWords:
    """Returns the words for these keys and values."""
    unique: dict[tuple[str, str], Filter] = {}
    for key, typed in filters:
        value = " ".join("".join(char if char.isprintable() and char != '"' else " " for char in typed).split())[:MOST_CHARS]
        unique[key, value.casefold() if key in REPEATED else ""] = Filter(key, value)
    return SearchWords(text, tuple(unique.values())[:MOST_FILTERS])


def day(value: str, today: date) -> date | None:
    """Returns the first day of what is meant: a day, a month, a year, `today` or `yesterday`; None for what is no date."""
    if value.lower() in ("today", "yesterday"):
        return today - timedelta(days=value.lower() == "yesterday")
    pattern = next((pattern for pattern in (DAY, MONTH, YEAR) if pattern.fullmatch(value) and value.isascii()), None)
    if pattern is None:
        return None
    year, month, number = (*map(int, value.split("-")), 1, 1)[:3]
    try:
        return date(year, month, number) if 1970 <= year < 2200 else None
    except ValueError:
        return None
