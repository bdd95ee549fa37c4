"""The documentation in the app: the files of docs/, rendered and bound into sections."""

import posixpath
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from webapp.base.config import ROOT
from webapp.rendering.footnotes import scoped
from webapp.rendering.markdown import render

FOLDER = ROOT / "docs"
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "For everyone": (
        "start",
        "characters",
        "lorebooks",
        "projects",
        "presets",
        "prompts",
        "tools",
        "knowledge",
        "files",
        "texts",
        "pictures",
        "voice",
        "side-by-side",
        "search",
        "plans",
        "workflows",
        "schedules",
        "notices",
        "phone",
        "languages",
        "links",
        "exchange",
        "coming-from",
    ),
    "For administrators": (
        "first-ten-minutes",
        "deploy",
        "configuration",
        "accounts",
        "sign-on",
        "upstreams",
        "tool-servers",
        "insights",
        "alerts",
        "keeping",
        "upgrade",
        "health",
        "troubleshooting",
        "scale",
        "reliability",
        "performance",
    ),
    "For programs": (
        "streaming",
        "mcp",
        "dialects/openai",
        "dialects/roleplay",
        "dialects/quick-chat",
        "dialects/threads",
        "dialects/assistant",
        "dialects/plans",
    ),
    "For contributors": ("architecture",),
}
# The description of each page on the index.
ABOUT: Mapping[str, str] = {
    "start": "Every page, by what you want to do",
    "coming-from": "What you know from ChatGPT, Open WebUI, LibreChat and SillyTavern, and where it is here",
    "first-ten-minutes": "From the setup link to the first answer",
    "accounts": "Who can do what, invites, passwords and API tokens",
    "projects": "Keep chats, files and instructions for one topic in one place",
    "search": "Find chats again",
    "characters": "Someone to talk to, and who you are in a chat",
    "lorebooks": "What a world is made of, told when it comes up",
    "plans": "Structured plans that models write",
    "side-by-side": "Several models answer the same message",
    "texts": "Text beside the chat: versions, and changing a part",
    "pictures": "Models that draw, and pictures by the API",
    "files": "Images and documents in chats",
    "knowledge": "Documents, who can see them, and finding things in them",
    "tools": "What models can do while they answer",
    "tool-servers": "Tools of others, by MCP",
    "presets": "A model with instructions, parameters, tools and knowledge of its own",
    "prompts": "Texts you use often, with fields to fill in",
    "insights": "How many answers, how good, how fast and at what cost",
    "alerts": "What admins learn when something is wrong",
    "languages": "Pages in your language, and your own catalogues",
    "notices": "What you are told while you aren't looking",
    "phone": "Install Millrace, read and write without a network",
    "voice": "Have answers read aloud, by the browser or a model",
    "workflows": "Guided runs of questions and answers",
    "schedules": "Prompts, workflows and plans that run at a time",
    "exchange": "Import, export and share chats",
    "keeping": "How long chats and other things are kept, and how they are deleted",
    "links": "Show chats to people without an account",
    "streaming": "Answers as they are written, for programs",
    "dialects/openai": "For libraries and editors that know OpenAI's API",
    "mcp": "Your documents, chats and models in Claude, VS Code and others",
    "dialects/roleplay": "For roleplay clients",
    "dialects/quick-chat": "For quick chat clients",
    "dialects/threads": "For clients with threads and workflows",
    "dialects/assistant": "For clients of the assistant",
    "dialects/plans": "For clients that stream plans",
    "deploy": "In containers or as services, for one person or a team",
    "scale": "Several workers, on one machine or several",
    "sign-on": "With Keycloak, Entra, Google and other OpenID providers",
    "configuration": "Every variable and every setting",
    "upstreams": "OpenRouter, Anthropic, Ollama and other servers",
    "upgrade": "Before, during and after a new version",
    "health": "What is checked, and what to do about it",
    "troubleshooting": "What you see, why, and what helps",
    "architecture": "How the program is built",
    "performance": "What was measured, and how",
    "reliability": "What we break on purpose, and what happens",
}
AWAY = "https://docs.invalid/"
LINK = re.compile(r"\]\((?P<path>[\w./-]+)\.md(?P<anchor>#[\w-]+)?\)")
HERE = re.compile(r"\]\((?P<anchor>#[\w-]+)\)")
BOUND = re.compile(rf'<a href="{re.escape(AWAY)}([^"]*)"[^>]*>')
HEADING = re.compile(r"<h(?P<level>[2-6])(?P<more>[^>]*)>(?P<words>.*?)</h(?P=level)>", re.DOTALL)
# A column without a name gets no `th`, because screen readers would announce an empty header.
NAMELESS = re.compile(r"<th([^>]*)></th>")
TAG = re.compile(r"<[^>]+>")


@dataclass(frozen=True, slots=True)
class DocPage:
    """A page; `name` is its path without the ending."""

    name: str
    title: str

    @property
    def about(self) -> str:
        return ABOUT.get(self.name, "")


def sections() -> dict[str, list[DocPage]]:
    """Returns the pages by section; pages that belong to none come last, under “More”."""
    there = _names()
    named = {name for names in SECTIONS.values() for name in names}
    ordered = {**SECTIONS, "More": tuple(sorted(there - named))}
    pages_by_section = {title: [_titled(name) for name in names if name in there] for title, names in ordered.items()}
    return {title: pages for title, pages in pages_by_section.items() if pages}


def page(name: str) -> DocPage | None:
    """Returns the page with this name, or None; only existing names match, so a path can't leave the folder."""
    return _titled(name) if name in _names() else None


def html_of(page: DocPage) -> str:
    """Returns a page's HTML without its title; only this page is rendered, because rendering all would block others."""
    file = _file(page.name)
    return _rendered(page.name, file, file.stat().st_mtime_ns, frozenset(_names()))


def _names() -> set[str]:
    files = [*FOLDER.glob("*.md"), *FOLDER.glob("dialects/*.md")]
    return {file.relative_to(FOLDER).with_suffix("").as_posix() for file in files}


def _file(name: str) -> Path:
    return FOLDER / f"{name}.md"


def _titled(name: str) -> DocPage:
    with _file(name).open(encoding="utf-8") as file:
        return DocPage(name, file.readline().removeprefix("#").strip())


@lru_cache(maxsize=64)
def _rendered(name: str, file: Path, _changed: int, names: frozenset[str]) -> str:
    _title, _, text = file.read_text("utf-8").partition("\n")
    return bound(text, name, names, lambda piece: scoped(render(piece), ""))


def bound(text: str, name: str, names: Collection[str], render: Callable[[str], str]) -> str:
    """Returns a page's HTML without its title; `names` are all pages, and `render` converts Markdown to HTML."""
    folder = posixpath.dirname(name)

    def away(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link["path"]))
        # A page that is not in the app can't be linked to; the renderer keeps only the link's text.
        return f"]({AWAY}docs/{path}{link['anchor'] or ''})" if path in names else link[0]

    text = HERE.sub(lambda link: f"]({AWAY}docs/{name}{link['anchor']})", LINK.sub(away, text))
    html = NAMELESS.sub(r"<td\1></td>", BOUND.sub(r'<a href="/\1">', render(text)))
    return HEADING.sub(_heading, html)


def place_of(words: str) -> str:
    """Returns the anchor that GitHub and other forges generate for a heading."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def _heading(match: re.Match[str]) -> str:
    # The renderer starts at the second level, because the first is the title of the page around it. This page has its title
    # there, so its headings move up.
    level = max(2, int(match["level"]) - 1)
    return f'<h{level}{match["more"]} id="{place_of(_text(match["words"]))}">{match["words"]}</h{level}>'


def _text(html: str) -> str:
    return TAG.sub("", html).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
