"""The places of the app: links of the sidebar, the palette and the tabs of the administration. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

GO_TO = "Go to"
# The headings of the administration, in the order of its tabs.
ADMINISTRATION = ("Models", "People", "Operations")


@dataclass(frozen=True, kw_only=True)
class Place:
    """`also` holds more search words; `right` is the permission that the page requires.

    `rank` orders the places under a heading; `tab` is the short name among the tabs of the administration, and `about`
    says on its first page what is there.
    `sidebar` holds the beginnings of the paths on which its link in the sidebar is the current one.
    """

    words: str
    path: str
    icon: str
    under: str = GO_TO
    rank: int
    also: str = ""
    right: str = ""
    tab: str = ""
    about: str = ""
    sidebar: tuple[str, ...] = ()


class Places:
    """All places of all features, in their order."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._all = sorted(places, key=lambda each: each.rank)

    def palette(self, may: Callable[[str], bool]) -> dict[str, list[Place]]:
        """By heading, the places that someone with these rights can open."""
        groups = {heading: self._under(heading, may) for heading in (GO_TO, *ADMINISTRATION)}
        return {heading: group for heading, group in groups.items() if group}

    def tabs(self) -> dict[str, list[Place]]:
        """The pages of the administration, by heading."""
        return {heading: self._under(heading, lambda _right: True) for heading in ADMINISTRATION}

    def matching(self, query: str) -> list[Place]:
        """The pages of the administration that have all words of a query in their name or among their further words."""
        wanted = query.lower().split()
        pages = (place for group in self.tabs().values() for place in group)
        return [each for each in pages if wanted and all(word in f"{each.words} {each.also}".lower() for word in wanted)]

    def sidebar(self, may: Callable[[str], bool]) -> list[Place]:
        """What has a link of its own in the sidebar."""
        return [each for each in self._under(GO_TO, may) if each.sidebar]

    def _under(self, heading: str, may: Callable[[str], bool]) -> list[Place]:
        return [each for each in self._all if each.under == heading and (not each.right or may(each.right))]
