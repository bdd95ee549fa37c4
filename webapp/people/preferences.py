"""A person's preferences: the look of pages, the model of new chats, and custom instructions for models."""

from collections.abc import Iterable, Mapping

from sqlalchemy import update

from webapp.base import languages
from webapp.base.db import utc_now, write
from webapp.base.errors import Invalid
from webapp.people import shortcuts
from webapp.people.accounts.fields import checked_text
from webapp.people.accounts.tables import User

THEMES = {"": "System", "light": "Light", "dark": "Dark"}
# The first accent is that of the style sheet.
ACCENTS = {"": "Water", "moss": "Moss", "clay": "Clay", "plum": "Plum", "iris": "Iris"}
CONTRASTS = {"": "System", "more": "High"}
FONTS = {"": "Source Serif", "system": "System font"}
TEXT_SIZES = {"small": "Small", "": "Standard", "large": "Large", "larger": "Extra large"}
WIDTHS = {"narrow": "Narrow", "": "Normal", "wide": "Wide"}
DENSITIES = {"": "Comfortable", "compact": "Compact"}
SPEECH = {"": "In its own color", "plain": "Like other text"}
VOICES = {"": "The browser's voice", "server": "The server's voice"}
SCROLLING = {"": "Follow the new text", "still": "Stay where I am reading"}
OFFLINE = {"": "Keep the last 20 chats I opened", "off": "Don't keep any"}
FACTS = {"ask": "Ask me", "keep": "Keep them and tell me", "off": "Off"}
SEND_KEYS = {"enter": "Enter", "ctrl": "Ctrl+Enter (⌘ Enter on a Mac)"}
# Preferences with fixed choices, by column: the choices, and the word for them in errors. First those that change how pages look.
LOOKS = {
    "theme": (THEMES, "themes"),
    "accent": (ACCENTS, "accent colors"),
    "contrast": (CONTRASTS, "contrasts"),
    "font": (FONTS, "fonts"),
    "text_size": (TEXT_SIZES, "text sizes"),
    "width": (WIDTHS, "widths"),
    "density": (DENSITIES, "densities"),
}
CHOICES = {
    **LOOKS,
    "speech": (SPEECH, "ways to show speech"),
    "send_key": (SEND_KEYS, "keys"),
    "scrolling": (SCROLLING, "ways to scroll"),
    "offline": (OFFLINE, "choices for this"),
    "voice": (VOICES, "voices"),
    "facts": (FACTS, "ways to propose facts"),
}
MOST_CHARS = 4_000
# What a person can dismiss on the home page.
HINTS = ("welcome", "setup", "invite")


def remember(user: User, *, wants: bool) -> None:
    """Turns the conversation memory on, from now on, or off."""
    if wants != bool(user.remembers_since):
        with write():
            user.remembers_since = utc_now() if wants else None


def count_reading(user: User, *, wants: bool) -> None:
    """Turns counting of this person's reading time on, from now on, or off."""
    if wants != user.is_reading_counted:
        with write():
            user.is_reading_counted = wants


def surround(user: User, *, portraits: bool | None = None, backgrounds: bool | None = None) -> None:
    """Shows or hides what surrounds the text in this person's chats with characters; None changes nothing."""
    wanted = {"has_portraits": portraits, "has_backgrounds": backgrounds}
    with write():
        for name, value in wanted.items():
            if value is not None:
                setattr(user, name, value)


def dismiss(user: User, hint: str) -> None:
    """Hides a hint of the home page from this person."""
    if hint not in HINTS:
        raise Invalid("There is no such hint.")
    user_id, dismissed = user.id, user.dismissed.split()
    if hint not in dismissed:
        with write() as session:
            session.execute(update(User).where(User.id == user_id).values(dismissed=" ".join([*dismissed, hint])))


def instruct(user: User, instructions: str) -> None:
    """Stores what models are told in this person's chats."""
    instructions = checked_text(instructions, "instructions", most=MOST_CHARS)
    with write():
        user.instructions = instructions


def hide_links(user: User, names: Iterable[str]) -> None:
    """Hides these links of the sidebar, and shows all others."""
    with write():
        user.hidden_links = ",".join(names)


def set_keys(user: User, wanted: Mapping[str, str | None]) -> None:
    """Gives these shortcuts other keys, or with None their default; an empty one turns a shortcut off. The others stay."""
    user_id, keys = user.id, shortcuts.chosen(user.keys, wanted)
    with write() as session:
        session.execute(update(User).where(User.id == user_id).values(keys=keys))


def begin_with_preset(user: User, preset_id: str) -> None:
    """Has the person's new chats begin with this preset; with an empty id, with a model."""
    user_id = user.id
    with write() as session:
        session.execute(update(User).where(User.id == user_id).values(default_preset_id=preset_id))


def set_preferences(user: User, **values: str) -> None:
    """Stores some of `CHOICES`, `language`, `default_model` and `instructions`; the others stay.

    An empty model means the last chosen one, at first the team's.
    """
    checked = {name: _checked(name, value) for name, value in values.items()}
    user_id = user.id
    if checked:
        with write() as session:
            session.execute(update(User).where(User.id == user_id).values(**checked))


def _checked(name: str, value: str) -> str:
    if name == "instructions":
        return checked_text(value, name, most=MOST_CHARS)
    if name == "default_model":
        return value[:200]
    offered, words = (dict.fromkeys(("", *languages.codes()), ""), "languages") if name == "language" else CHOICES[name]
    if value not in offered:
        raise Invalid(f"Choose one of the {words}.", field=name)
    return value
