"""Notifies open pages and other subscribers of committed changes. The id of a person can be that of `EVERYONE`."""

from collections.abc import Callable, Iterable

from webapp.base import topic_names
from webapp.base.current import TOPICS
from webapp.streaming.events import Changed

# Return the ids of those who see something because a person may share it, by the id of that person.
DEPENDENTS: list[Callable[[str], Iterable[str]]] = []


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


def dependents(person_id: str) -> set[str]:
    """Returns the ids of the people who see something because this person may share it."""
    return {id for dependents_of in DEPENDENTS for id in dependents_of(person_id)}


def rights_changed(person_id: str) -> None:
    """Does the same as `access_changed` where a person's role or groups have changed, also for those who depend on it."""
    access_changed(*{person_id, *dependents(person_id)})
