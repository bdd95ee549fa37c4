"""What a person prefers for themselves: how the pages look, which model their chats begin with, what models are always told."""

from sqlalchemy import update

from webapp.accounts.fields import checked_text
from webapp.accounts.tables import User
from webapp.db import utc_now, write
from webapp.errors import Invalid

THEMES = {"": "System", "light": "Light", "dark": "Dark"}
TEXT_SIZES = {"small": "Small", "": "Standard", "large": "Large", "larger": "Extra large"}
DENSITIES = {"": "Comfortable", "compact": "Compact"}
SEND_KEYS = {"enter": "Enter", "ctrl": "Ctrl+Enter (⌘ Enter on a Mac)"}
# What is chosen of a few, by its column: what there is, and what they are.
CHOICES = {
    "theme": (THEMES, "themes"),
    "text_size": (TEXT_SIZES, "text sizes"),
    "density": (DENSITIES, "densities"),
    "send_key": (SEND_KEYS, "keys"),
}
MOST_CHARS = 4_000


def remember(user: User, *, wants: bool) -> None:
    """Turn the conversation memory on, from now on, or off."""
    if wants != bool(user.remembers_since):
        with write():
            user.remembers_since = utc_now() if wants else None


def count_reading(user: User, *, wants: bool) -> None:
    """Have it counted from now on how long this person looks at answers, or not."""
    if wants != user.is_reading_counted:
        with write():
            user.is_reading_counted = wants


def set_preferences(user: User, *, default_model: str, instructions: str, **chosen: str) -> None:
    """Keep what this person prefers, of `CHOICES` too; an empty model is the one they chose last, at first the team's."""
    for name, value in chosen.items():
        offered, words = CHOICES[name]
        if value not in offered:
            raise Invalid(f"Choose one of the {words}.", field=name)
    instructions = checked_text(instructions, "instructions", most=MOST_CHARS)
    values = {**chosen, "default_model": default_model[:200], "instructions": instructions}
    user_id = user.id
    with write() as session:
        session.execute(update(User).where(User.id == user_id).values(**values))
