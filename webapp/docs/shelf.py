"""The pages of `docs/`: which there are, in which order, and each as the app shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from webapp.config import ROOT
from webapp.docs.binding import bound
from webapp.rendering.markdown import render

FOLDER = ROOT / "docs"
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Begin": ("first-ten-minutes", "tour", "accounts", "characters", "plans", "exchange"),
    "For programs": ("streaming", "dialects/openai"),
    "For clients of older systems": (
        "dialects/roleplay",
        "dialects/quick-chat",
        "dialects/threads",
        "dialects/assistant",
        "dialects/plans",
    ),
    "Running it": ("running", "configuration", "keys", "upstreams", "proxies", "upgrade", "health", "troubleshooting"),
    "How it is made": ("architecture", "performance"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `name` is its path without its ending, `html` all but its title."""

    name: str
    title: str
    html: str


def sections() -> dict[str, list[Page]]:
    """Every page under its heading; what no heading names stands at the end."""
    there = _names()
    named = {name for names in SECTIONS.values() for name in names}
    ordered = {**SECTIONS, "More": tuple(sorted(there - named))}
    found = {title: [_rendered_now(name) for name in names if name in there] for title, names in ordered.items()}
    return {title: pages for title, pages in found.items() if pages}


def page(name: str) -> Page | None:
    """The page of this name; nothing for every other name, whatever it may look like."""
    return _rendered_now(name) if name in _names() else None


def _names() -> set[str]:
    files = [*FOLDER.glob("*.md"), *FOLDER.glob("dialects/*.md")]
    return {file.relative_to(FOLDER).with_suffix("").as_posix() for file in files}


def _rendered_now(name: str) -> Page:
    file = FOLDER / f"{name}.md"
    return _rendered(name, file, file.stat().st_mtime_ns, frozenset(_names()))


@lru_cache(maxsize=64)
def _rendered(name: str, file: Path, _changed: int, names: frozenset[str]) -> Page:
    title, _, text = file.read_text("utf-8").partition("\n")
    return Page(name, title.removeprefix("#").strip(), bound(text, name, names, render))
