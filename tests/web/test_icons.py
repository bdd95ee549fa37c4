"""One icon for each idea, and one idea for each icon: what stands beside an icon says which it is."""

import re
from collections.abc import Iterator

import pytest

from tests.test_assets import names
from webapp.app import FEATURES
from webapp.config import ROOT

PLACES = [place for feature in FEATURES for place in feature.places]
# What the words beside an icon begin with, where they are not those of its place in the navigation.
OTHERS = {
    "arrow-up": "Send",
    "boxes": "Another model",
    "circle-help": "Ask",
    "copy": "Copy",
    "download": "Export|Markdown|JSON|Calendar",
    "git-branch": "Branch",
    "letter-text": "Copy as text",
    "library": "Answers can quote",
    "log-out": "Sign out",
    "menu": "Chats",
    "message-square": "Chat|Continue as a chat",
    "pause": "Pause",
    "pencil": "Edit|Rename",
    "pin": "Pin",
    "pin-off": "Unpin",
    "play": "Continue|Resume",
    "plus": "Add|Queue",
    "rotate-ccw": "Try again|Regenerate|Rewrite",
    "search": "Search|Find",
    "settings": "Theme",
    "sliders-horizontal": "Prompts",
    "square": "Stop",
    "trash-2": "Delete|Empty",
    "undo-2": "Restore|Unarchive|Back",
    "upload": "Import",
    "users": "Share|Shared",
    "x": "Close|Dismiss|Remove",
}
IDEAS = {
    icon: "|".join(filter(None, (OTHERS.get(icon), *(re.escape(each.words) for each in PLACES if each.icon == icon))))
    for icon in (*OTHERS, *(each.icon for each in PLACES))
}
# Signs that say so little that they may stand beside anything like it.
GENERAL = {"plus", "search", "x"}
BUTTON = re.compile(r'button\("(?P<words>[^"]+)"[^)]*?sign="(?P<icon>[a-z0-9-]+)"')
BESIDE = re.compile(r'\{\{ icon\("(?P<icon>[a-z0-9-]+)"\) \}\}(?:<span[^>]*>)?(?P<words>[A-Z][^<{]*)')


def uses() -> Iterator[tuple[str, str, str]]:
    """Where, the icon, and the words beside it."""
    for path in ROOT.glob("templates/**/*.html"):
        for pattern in (BUTTON, BESIDE):
            for found in pattern.finditer(path.read_text("utf-8")):
                yield path.name, found["icon"], found["words"].strip()
    yield from ((each.path, each.icon, each.words) for each in PLACES)


def meant(words: str) -> set[str]:
    """The icons of the idea that the words begin with; the longest beginning counts."""
    found = [(len(hit[0]), icon) for icon, pattern in IDEAS.items() if (hit := re.match(rf"(?:{pattern})\b", words))]
    return {icon for length, icon in found if length == max(found)[0]}


def test_one_idea_has_one_icon_and_one_icon_has_one_idea() -> None:
    known = [use for use in uses() if use[1] in IDEAS.keys() - GENERAL or meant(use[2])]
    wrong = [use for use in known if meant(use[2]) != {use[1]}]
    assert not wrong, "Take the icon of the idea, or add the words to OTHERS:\n" + "\n".join(map(str, wrong))


def test_the_table_names_icons_that_exist() -> None:
    assert set(IDEAS) <= set(names()), "add what is missing to static/icons.txt, in order; `make setup` draws it"


def test_places_have_icons_of_their_own() -> None:
    icons = [place.icon for place in PLACES]
    assert sorted(icon for icon in icons if icon != "settings") == sorted(set(icons) - {"settings"})


@pytest.mark.parametrize(("words", "icon"), [("Delete permanently", "trash-2"), ("Copy as text", "letter-text"), ("Pin", "pin")])
def test_words_lead_to_their_icon(words: str, icon: str) -> None:
    assert meant(words) == {icon}


def test_the_way_back_is_drawn_in_one_place() -> None:
    """Pages say where it leads (`above`), and the layout draws it."""
    drawn = [path.name for path in ROOT.glob("templates/**/*.html") if 'class="back"' in path.read_text("utf-8")]
    assert drawn == ["app.html"]
