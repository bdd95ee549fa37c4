"""Each icon has one meaning and each meaning one icon, according to the words next to it."""

import re
from collections.abc import Iterator

import pytest

from tests.test_assets import names
from webapp.app import FEATURES
from webapp.base.config import ROOT

ENTRIES = [entry for feature in FEATURES for entry in feature.navigation]
# Patterns for the start of the words next to an icon, where these differ from the icon in the navigation.
OTHERS = {
    "arrow-up": "Send",
    "bell": "Turn on notifications",
    "bookmark": "Keep|Kept|Stop keeping",
    "boxes": "Another model|Choose models",
    "brain": "Facts",
    "circle-help": "Ask",
    "copy": "Copy",
    "eye": "Include in context",
    "eye-off": "Exclude from context|Excluded",
    "file-pen-line": "Texts|Edit in side panel",
    "folder": "Move to project",
    "download": "Export|Markdown|JSON|Calendar|Download",
    "git-branch": "Branch|Continue as a new chat",
    "globe": "Search the web",
    "link": "Create a link|Create link|Publish",
    "letter-text": "Copy as text",
    "image": "Edit this picture",
    "library": "Answers can quote",
    "log-out": "Sign out",
    "menu": "Chats",
    "message-square": "Chat|Continue as a chat",
    "pause": "Pause",
    "pencil": "Edit|Rename|Name and details",
    "pin": "Pin",
    "pin-off": "Unpin",
    "play": "Continue|Resume",
    "plus": "Add|Queue",
    "rotate-ccw": "Try again|Rewrite",
    "search": "Search|Find",
    "calendar-clock": "Schedule",
    "settings": "Theme",
    "sliders-horizontal": "Chat settings|Administration",
    "square": "Stop",
    "trash-2": "Delete|Empty",
    "undo-2": "Restore|Unarchive|Back",
    "upload": "Import",
    "users": "Share|Shared",
    "wrench": "Tools for answers",
    "x": "Close|Dismiss|Remove",
    "workflow": "Create workflow",
}
IDEAS = {
    icon: "|".join(filter(None, (OTHERS.get(icon), *(re.escape(place.title) for place in ENTRIES if place.icon == icon))))
    for icon in (*OTHERS, *(entry.icon for entry in ENTRIES))
}
# Icons so general that they can accompany any similar words.
GENERAL = {"plus", "search", "x"}
BUTTON = re.compile(r'button\("(?P<words>[^"]+)"[^)]*?sign="(?P<icon>[a-z0-9-]+)"')
BESIDE = re.compile(r'\{\{ icon\("(?P<icon>[a-z0-9-]+)"\) \}\}(?:<span[^>]*>)?(?P<words>[A-Z][^<{]*)')


def uses() -> Iterator[tuple[str, str, str]]:
    """Yields the file, the icon, and the words next to it."""
    for path in ROOT.glob("templates/**/*.html"):
        for pattern in (BUTTON, BESIDE):
            for found in pattern.finditer(path.read_text("utf-8")):
                yield path.name, found["icon"], found["words"].strip()
    yield from ((place.path, place.icon, place.title) for place in ENTRIES)


def meant(words: str) -> set[str]:
    """Returns the icons whose pattern matches the start of the words; the longest match wins."""
    found = [(len(hit[0]), icon) for icon, pattern in IDEAS.items() if (hit := re.match(rf"(?:{pattern})\b", words))]
    return {icon for length, icon in found if length == max(found)[0]}


def test_one_idea_has_one_icon_and_one_icon_has_one_idea() -> None:
    known = [use for use in uses() if use[1] in IDEAS.keys() - GENERAL or meant(use[2])]
    wrong = [use for use in known if meant(use[2]) != {use[1]}]
    assert not wrong, "Take the icon of the idea, or add the words to OTHERS:\n" + "\n".join(map(str, wrong))


def test_the_table_names_icons_that_exist() -> None:
    assert set(IDEAS) <= set(names()), "add what is missing to static/icons.txt, in order; `make setup` draws it"


def test_entries_have_icons_of_their_own() -> None:
    icons = [entry.icon for entry in ENTRIES]
    assert sorted(icon for icon in icons if icon != "settings") == sorted(set(icons) - {"settings"})


@pytest.mark.parametrize(("words", "icon"), [("Delete permanently", "trash-2"), ("Copy as text", "letter-text"), ("Pin", "pin")])
def test_words_lead_to_their_icon(words: str, icon: str) -> None:
    assert meant(words) == {icon}


def test_the_way_back_is_drawn_in_one_place() -> None:
    """Pages set the link's target (`above`), and only the layout renders it."""
    drawn = [path.name for path in ROOT.glob("templates/**/*.html") if 'class="back"' in path.read_text("utf-8")]
    assert drawn == ["app.html"]
