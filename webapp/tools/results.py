"""Who sees what a call returned: those who see all that it quotes and, of a person's own tool server, that person alone."""

from collections.abc import Iterable, Mapping, Sequence

from webapp.base.db import db
from webapp.base.ids import LENGTH
from webapp.knowledge.sources import quoting_unseen
from webapp.people.accounts.tables import User
from webapp.tools.calls import CallRecord, folded_rounds
from webapp.tools.tables import Call

QUOTES_UNSEEN = "The result quotes documents that you can't see."
ONLY = "Only {} sees what this returned."
NAMELESS = "one person"
NOBODY = "What this returned was for one person alone."
# Stands for a person whose name isn't told.
UNNAMED = "0" * LENGTH


def hidden_results(reader: User | None, calls: Iterable[Call | CallRecord]) -> dict[str, str]:
    """Returns why this reader can't see what these calls returned, by the ids of those: its text, error and files.

    Without a query if none quotes anything or went to a person's own server.
    """
    calls = list(calls)
    whose = {call.id: call.private_to for call in calls if call.private_to and not (reader and reader.id == call.private_to)}
    people = {id: db.session.get(User, id) for id in set(whose.values())}
    private = {id: ONLY.format(person.name or NAMELESS) if (person := people[owner]) else NOBODY for id, owner in whose.items()}
    quoting = quoting_unseen(reader, {call.id: call.sources for call in calls if call.sources and call.id not in private})
    return private | dict.fromkeys(quoting, QUOTES_UNSEEN)


def seen_rounds(calls: Sequence[CallRecord], text: str, hidden: Mapping[str, str]) -> dict[int, str]:
    """Returns the texts of `folded_rounds`, or why a reader can't see them: a result in them is among those `hidden`."""
    whys = {call.fold["rounds"]: hidden[call.id] for call in reversed(calls) if call.fold and call.id in hidden}
    return {number: whys.get(number, words) for number, words in folded_rounds(calls, text).items()}
