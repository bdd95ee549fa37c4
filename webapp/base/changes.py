"""Notifies open pages and other subscribers of committed changes."""

from flask import current_app

from webapp.base import topic_names
from webapp.streaming.events import Changed
from webapp.streaming.topics import Topics


def notify(topic: str, what: str, id: str) -> None:
    """Notifies every subscriber of the topic."""
    topics: Topics = current_app.extensions["topics"]
    topics.append(topic, Changed(what, id))


def notify_person(person_id: str, what: str, id: str) -> None:
    """Notifies every open page of this person."""
    notify(topic_names.of_person(person_id), what, id)


def access_changed(person_id: str) -> None:
    """Makes this person's open pages check immediately what the person is allowed to see."""
    notify_person(person_id, "access", person_id)
