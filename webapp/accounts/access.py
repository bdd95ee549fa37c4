"""Telling open pages that what somebody may see has changed, so that they look again at once."""

from webapp import lanes
from webapp.generations.engine import the_engine
from webapp.streaming.events import Changed


def announce(user_id: str) -> None:
    """For everybody who listens in the name of this person."""
    the_engine().topics.append(lanes.of_person(user_id), Changed("access", user_id))
