"""What a person prefers for themselves: how the pages look, which model their chats begin with, what models are always told."""

from sqlalchemy import update

from webapp.accounts.tables import User
from webapp.counts import number, plural
from webapp.errors import Invalid
from webapp.extensions import write

THEMES = {"": "As the system has it", "light": "Light", "dark": "Dark"}
MOST_CHARS = 4_000


def set_preferences(user: User, *, theme: str, default_model: str, instructions: str) -> None:
    """Keep what this person prefers; an empty model is the team's."""
    if theme not in THEMES:
        raise Invalid("Choose one of the themes.", field="theme")
    instructions = instructions.replace("\r\n", "\n").replace("\0", "\ufffd").strip()
    if len(instructions) > MOST_CHARS:
        over = plural(len(instructions) - MOST_CHARS, "character")
        raise Invalid(f"That is {over} too long: {number(MOST_CHARS)} fit.", field="instructions")
    values = {"theme": theme, "default_model": default_model[:200], "instructions": instructions}
    user_id = user.id
    with write() as session:
        session.execute(update(User).where(User.id == user_id).values(**values))
