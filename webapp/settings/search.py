"""Searches settings by words of their title, sentence, name or section. Pure."""

from collections.abc import Iterator

from webapp.settings.catalog import SECTIONS
from webapp.settings.kinds import Setting


def matching(query: str) -> list[tuple[str, Setting]]:
    """Returns settings that contain all words of the query, with their sections; matches in a title come first."""
    wanted = query.lower().split()
    hits = [hit for hit in _all() if wanted and all(word in _words(*hit) for word in wanted)]
    return sorted(hits, key=lambda hit: not any(word in hit[1].title.lower() for word in wanted))


def _all() -> Iterator[tuple[str, Setting]]:
    return ((section, each) for section, settings in SECTIONS.items() for each in settings)


def _words(section: str, setting: Setting) -> str:
    return f"{setting.title} {setting.sentence} {setting.name.replace('_', ' ')} {setting.name} {section}".lower()
