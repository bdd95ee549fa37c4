"""Telling open pages and other listeners that something has changed, after it was committed."""

from flask import current_app

from webapp import topic_names
from webapp.streaming.events import Changed
from webapp.streaming.topics import Topics


def tell(topic: str, what: str, id: str) -> None:
    """For everyone who listens to the topic."""
    topics: Topics = current_app.extensions["topics"]
    topics.append(topic, Changed(what, id))


def tell_person(person_id: str, what: str, id: str) -> None:
    """For every open page of this person."""
    tell(topic_names.of_person(person_id), what, id)


def access_changed(person_id: str) -> None:
    """What this person may see has changed: their open pages check it again at once."""
    tell_person(person_id, "access", person_id)
