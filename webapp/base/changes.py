"""Notifies open pages and other subscribers of committed changes. The id of a person can be that of `EVERYONE`."""

from webapp.base import topic_names
from webapp.base.current import TOPICS
from webapp.streaming.events import Changed


def notify(topic: str, what: str, id: str) -> None:
    """Notifies every subscriber of the topic."""
    TOPICS.get().append(topic, Changed(what, id))


def notify_person(person_id: str, what: str, id: str) -> None:
    """Notifies every open page of this person."""
    notify(topic_names.of_person(person_id), what, id)


def access_changed(*person_ids: str) -> None:
    """Makes the open pages of these people check immediately what each is allowed to see."""
    for person_id in person_ids:
        notify_person(person_id, "access", person_id)
