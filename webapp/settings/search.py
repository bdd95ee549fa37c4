"""Finds settings by words of what is said of them. Pure."""

from webapp.settings.catalog import SECTIONS
from webapp.settings.kinds import Setting


def matching(query: str) -> list[tuple[str, Setting]]:
    """Returns settings that contain all words of the query, with their sections; matches in a title come first."""
    words = query.lower().split()
    hits = [
        hit
        for hit in ((section, setting) for section, settings in SECTIONS.items() for setting in settings)
        if words and all(word in _words(*hit) for word in words)
    ]
    return sorted(hits, key=lambda hit: not any(word in hit[1].title.lower() for word in words))


def _words(section: str, setting: Setting) -> str:
    return f"{setting.title} {setting.sentence} {setting.name.replace('_', ' ')} {setting.name} {section}".lower()
