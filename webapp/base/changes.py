"""Notifies open pages and other subscribers of committed changes."""

from webapp.base import topic_names
from webapp.base.current import TOPICS
from webapp.streaming.events import Changed


def notify(topic: str, what: str, id: str) -> None:
    """Notifies every subscriber of the topic."""
    TOPICS.get().append(topic, Changed(what, id))


def notify_person(person_id: str, what: str, id: str) -> None:
    """Notifies every open page of this person."""
    notify(topic_names.of_person(person_id), what, id)


def access_changed(person_id: str) -> None:
    """Makes this person's open pages check immediately what the person is allowed to see."""
    notify_person(person_id, "access", person_id)
