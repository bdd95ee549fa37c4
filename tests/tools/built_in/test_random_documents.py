"""Random worlds of people, grants and levels: no tool shows a model a word that the person who asks has no permission for."""

import pytest
from flask import Flask
from gevent.event import Event

from tests.knowledge.test_random_permissions import AT_ONCE, COMMON, World, made
from tests.support.marks import on_both_databases
from tests.support.rounds import ROUNDS
from webapp.knowledge.sources import permitted, seen
from webapp.people.accounts.tables import User
from webapp.streaming.events import SourceRecord
from webapp.streaming.stop import Stop
from webapp.tools.built_in.documents import MOST_HITS, read, search
from webapp.tools.tool import CallContext, ToolFailed

# 1 000 in a deep run of a hundred rounds.
WORLDS = 10 * ROUNDS if ROUNDS > 1 else 4


def context_of(person: User, world: World) -> CallContext:
    """Returns a call in a chat that reads from all collections of the world."""
    return CallContext("call", "chat", person, Stop(Event), tuple(collection.id for collection in world.collections))


def found_by(person: User, world: World) -> tuple[set[str], list[SourceRecord]]:
    """Returns the canaries that a person's searches tell a model, and their sources."""
    context, texts, sources = context_of(person, world), list[str](), list[SourceRecord]()
    for query in (COMMON, " ".join(world.documents)):
        result = search(context, {"query": query, "limit": MOST_HITS})
        texts.append(result.text)
        sources += result.sources
    return {canary for canary in world.documents if canary in "".join(texts)}, sources


def read_by(person: User, world: World) -> set[str]:
    """Returns the canaries of the documents that a person's calls can read."""
    canaries = set[str]()
    for canary, document in world.documents.items():
        try:
            result = read(context_of(person, world), {"document_id": document.id})
        except ToolFailed:
            continue
        assert canary in result.text
        canaries.add(canary)
        is_own = document.owner_id == person.id and document.added_by == person.id
        assert bool(result.outside) != is_own
    return canaries


@pytest.mark.slow
@on_both_databases
@pytest.mark.parametrize("first", range(0, WORLDS, AT_ONCE))
def test_a_model_is_shown_only_what_the_person_may_see(app: Flask, first: int) -> None:
    with app.app_context():
        for number in range(first, min(first + AT_ONCE, WORLDS)):
            world, sources = made(number), list[SourceRecord]()
            for person in world.people:
                theirs = {canary for canary, document in world.documents.items() if world.may(person, document)}
                canaries, more = found_by(person, world)
                assert canaries == theirs, number
                assert read_by(person, world) == theirs, number
                sources += more
            assert_each_sees_by_their_own_right(world, sources)


def assert_each_sees_by_their_own_right(world: World, sources: list[SourceRecord]) -> None:
    """In a shared chat, each reader sees the sources of everyone's calls by their own right."""
    documents = {document.id: document for document in world.documents.values()}
    for person in world.people:
        theirs = {source["document_id"] for source in sources if world.may(person, documents[source["document_id"]])}
        assert {document.id for _, document in permitted(person, sources).values()} == theirs
        assert {source.document.id for source in seen(person, sources) if source.document and source.passage} == theirs
