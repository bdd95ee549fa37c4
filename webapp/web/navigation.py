"""The entries in the navigation: links of the sidebar, the command palette and the list of the admin pages. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

GO_TO = "Go to"
# The links of the sidebar, by name, with their icons; each person can hide some of them.
SIDEBAR = {
    "New chat": "plus",
    "Search": "search",
    "Projects": "folder",
    "Characters": "drama",
    "Knowledge": "library",
    "Prompts": "notebook-pen",
    "Plans & workflows": "list-checks",
}


@dataclass(frozen=True, kw_only=True)
class NavEntry:
    """A page in the navigation. `also` holds more search words; `right` is the right or permission that the page requires.

    `rank` orders the entries under a heading, for an admin page the name of its area; `tab` is its short name, and `about` says
    in a sentence what it is for. `also_under` is the area of a page that everyone can open. `sidebar` is the name of the
    sidebar's link that leads to it; pages with the same one are tabs of each other. `is_own` is set for the parts of a person's
    own settings.
    """

    title: str
    path: str
    icon: str
    under: str = GO_TO
    rank: int
    also: str = ""
    right: str = ""
    tab: str = ""
    about: str = ""
    also_under: str = ""
    sidebar: str = ""
    is_own: bool = False

    def is_at(self, path: str) -> bool:
        """Returns whether an address is this page or below it."""
        return f"{path}/".startswith(f"{self.path}/")


# The areas of the administration, in order, with their own pages.
AREAS = tuple(
    NavEntry(title=title, path=f"/admin/areas/{title.lower()}", icon=icon, rank=0, about=about, also=also)
    for title, icon, about, also in (
        ("Models", "boxes", "Where answers come from, and how well that works.", "ai"),
        ("People", "users", "Who can use this server, and how much at once.", "team"),
        ("Costs", "wallet", "What answers cost, and spending limits.", "money price"),
        ("Notifications", "bell", "What Millrace tells you when something is wrong.", "notices"),
        ("System", "activity", "Server health, storage and retention.", "server operations"),
        ("Advanced", "sliders-horizontal", "Settings that most teams never change.", "expert"),
    )
)
ADMINISTRATION = tuple(area.title for area in AREAS)


@dataclass(frozen=True)
class SidebarLink:
    """A link in the sidebar, and the pages that it leads to: the first one, with all of them as tabs."""

    name: str
    tabs: Sequence[NavEntry]

    @property
    def title(self) -> str:
        return self.name if len(self.tabs) > 1 else self.tabs[0].title

    @property
    def path(self) -> str:
        return self.tabs[0].path

    @property
    def icon(self) -> str:
        return SIDEBAR[self.name]

    def is_at(self, path: str) -> bool:
        return any(tab.is_at(path) for tab in self.tabs)


class Navigation:
    """The entries of all features, in order."""

    def __init__(self, entries: Iterable[NavEntry]) -> None:
        self._all = sorted(entries, key=lambda entry: entry.rank)

    def palette(self, may: Callable[[str], bool]) -> dict[str, list[NavEntry]]:
        """Returns, by heading, the entries that someone with these rights can open."""
        groups = {heading: self._under(heading, may) for heading in (GO_TO, *ADMINISTRATION)}
        return {heading: group for heading, group in groups.items() if group}

    def areas(self) -> dict[NavEntry, list[NavEntry]]:
        """Returns the areas of the administration with their pages."""
        return {area: [entry for entry in self._all if area.title in (entry.under, entry.also_under)] for area in AREAS}

    def admin_page(self, path: str) -> NavEntry | None:
        """Returns the admin page that an address is, or is below; None for an address outside the administration."""
        pages = [page for page in self._admin_pages() if page.is_at(path)]
        return max(pages, key=lambda page: len(page.path), default=None)

    def matching(self, query: str) -> list[NavEntry]:
        """Returns the admin pages whose name or search words contain every word of a query."""
        words = query.lower().split()
        return [
            page for page in self._admin_pages() if words and all(word in f"{page.title} {page.also}".lower() for word in words)
        ]

    def sidebar(self, may: Callable[[str], bool]) -> list[SidebarLink]:
        """Returns the links of the sidebar to pages that someone with these rights can open."""
        entries = self._under(GO_TO, may)
        links = [SidebarLink(name, [entry for entry in entries if entry.sidebar == name]) for name in SIDEBAR]
        return [link for link in links if link.tabs]

    def own_parts(self, may: Callable[[str], bool]) -> list[NavEntry]:
        """Returns the parts of the settings of someone with these rights."""
        return [entry for entry in self._all if entry.is_own and may(entry.right)]

    def _admin_pages(self) -> list[NavEntry]:
        return [page for area, pages in self.areas().items() for page in (area, *pages)]

    def _under(self, heading: str, may: Callable[[str], bool]) -> list[NavEntry]:
        # Most entries need one of a few rights, and every page has the sidebar.
        may = cache(may)
        return [entry for entry in self._all if entry.under == heading and may(entry.right)]
