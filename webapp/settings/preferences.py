"""What a person prefers for themselves: how the pages look, and which model their chats begin with."""

from sqlalchemy import update

from webapp.accounts.tables import User
from webapp.errors import Invalid
from webapp.extensions import write

THEMES = {"": "As the system has it", "light": "Light", "dark": "Dark"}


def set_preferences(user: User, *, theme: str, default_model: str) -> None:
    """Keep what this person prefers; an empty model is the team's."""
    if theme not in THEMES:
        raise Invalid("Choose one of the themes.", field="theme")
    user_id = user.id
    with write() as session:
        session.execute(update(User).where(User.id == user_id).values(theme=theme, default_model=default_model[:200]))
