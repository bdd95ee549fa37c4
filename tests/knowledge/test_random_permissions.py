"""Random worlds of people, grants and levels: no person ever sees a word that they have no permission for."""

from dataclasses import dataclass, field
from random import Random

import pytest
from flask import Flask

from tests.knowledge.placing import place
from tests.support.marks import on_both_databases
from tests.support.rounds import ROUNDS
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.knowledge import queries
from webapp.knowledge.search.ranking import SearchOptions, search
from webapp.knowledge.tables import Collection, Document
from webapp.people.accounts.roles import TEAM
from webapp.people.accounts.tables import Grant, Group, Membership, User

# 300 in a deep run, 1 500 in a night of a hundred rounds; a hundred share a database.
WORLDS = 15 * ROUNDS if ROUNDS > 1 else 5
AT_ONCE = 100
# One word that every document has, so that a single question finds all of them.
COMMON = "harbour"
WAYS = ("search", "canaries", "lists", "pages", "passages")


@dataclass
class World:
    """People, collections and grants; `may` states the rule in Python that the database evaluates in SQL."""

    random: Random
    people: list[User] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    collections: list[Collection] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)
    members: set[tuple[str, str]] = field(default_factory=set)
    grants: list[Grant] = field(default_factory=list)

    def may(self, person: User, document: Document) -> bool:
        collection = next(shelf for shelf in self.collections if shelf.id == document.collection_id)
        if document.deleted_at or collection.deleted_at:
            return False
        if collection.owner_id == person.id:
            return True
        own = [grant for grant in self.grants if grant.object_id == document.id]
        is_given = self.gets(person, "collection", collection.id, collection.level)
        return (
            (is_given or self.gets(person, "chat", collection.chat_id or "", 0))
            and document.level <= person.clearance
            and (not own or any(self.fits(grant, person) for grant in own))
        )

    def gets(self, person: User, kind: str, id: str, level: int) -> bool:
        given = [grant for grant in self.grants if (grant.object_kind, grant.object_id) == (kind, id)]
        return level <= person.clearance and any(self.fits(grant, person) for grant in given)

    def fits(self, grant: Grant, person: User) -> bool:
        if grant.user_id or grant.group_id:
            return grant.user_id == person.id or (grant.group_id or "", person.id) in self.members
        return person.role in TEAM


def made(number: int) -> World:
    """Builds a small world, deterministic by its number."""
    world = World(Random(number))
    chance, choose = world.random.random, world.random.choice
    with write(keeps_loaded=True) as session:
        roles = ("owner", "admin", "member", "guest", "member")
        for role in roles:
            clearance = world.random.randrange(4)
            said = {"email": f"{new_id()}@example.org", "name": role, "password_hash": "none"}
            world.people.append(User(id=new_id(), role=role, clearance=clearance, **said))
        world.groups = [Group(id=new_id(), name=new_id()) for _ in range(2)]
        session.add_all([*world.people, *world.groups])
        session.flush()
        world.members = {(group.id, person.id) for group in world.groups for person in world.people if chance() < 0.4}
        session.add_all(Membership(group_id=group, user_id=person) for group, person in world.members)
        for chat_id in (None, None, None, new_id()):
            deleted_at = utc_now() if chance() < 0.15 else None
            owner = choose(world.people)
            about = {"name": "Papers", "level": 0 if chat_id else choose((0, 0, 1, 2)), "deleted_at": deleted_at}
            collection = Collection(id=new_id(), owner_id=owner.id, chat_id=chat_id, **about)
            session.add(collection)
            session.flush()
            world.collections.append(collection)
            shared = ("chat", chat_id) if chat_id else ("collection", collection.id)
            world.grants += [granted(world, *shared) for _ in range(choose((0, 1, 2)))]
            for _ in range(2):
                canary = f"canary{new_id()}"
                more = {"level": choose((0, 0, 0, 1, 3)), "deleted_at": utc_now() if chance() < 0.1 else None}
                document = world.documents[canary] = place(session, collection, canary, [f"{COMMON} {canary}"], **more)
                world.grants += [granted(world, "document", document.id) for _ in range(choose((0, 0, 1, 2)))]
        session.add_all(world.grants)
    return world


def granted(world: World, kind: str, id: str) -> Grant:
    to = world.random.choice(("user", "group", "everyone"))
    whom = {
        "user": {"user_id": world.random.choice(world.people).id},
        "group": {"group_id": world.random.choice(world.groups).id},
    }
    return Grant(object_kind=kind, object_id=id, right=world.random.choice(("read", "write")), **whom.get(to, {}))


def seen_by(person: User, world: World) -> dict[str, set[str]]:
    """Returns the documents that each way of looking shows to the person."""
    ids = {document.id for document in world.documents.values()}
    looked_at = set(world.random.sample(sorted(ids), 2))
    rows = queries.collections_among(person, [collection.id for collection in world.collections])
    assert not [collection for collection in queries.SEEN_COLLECTIONS.all(person) if collection.chat_id]
    listed = {document.id for row in rows for document in queries.documents(person, row)}
    within: SearchOptions = {"collections": [collection.id for collection in world.collections]}
    # Files of chats are found only by a search in their own collection.
    of_chats = {collection.id for collection in world.collections if collection.chat_id}
    assert not {hit.document.collection_id for hit in search(person, " ".join(world.documents))} & of_chats
    return {
        "search": found_by(person, world),
        "canaries": {hit.document.id for hit in search(person, " ".join(world.documents), **within)},
        "lists": listed & ids,
        "pages": {id for id in looked_at if queries.document(person, id)} | (listed - looked_at),
        "passages": {id for id in looked_at if queries.passages(person, id)} | (listed - looked_at),
    }


def found_by(person: User, world: World) -> set[str]:
    return {hit.document.id for hit in search(person, COMMON, collections=[row.id for row in world.collections])}


@pytest.mark.slow
@on_both_databases
@pytest.mark.parametrize("first", range(0, WORLDS, AT_ONCE))
def test_only_what_is_permitted_is_found(app: Flask, first: int) -> None:
    with app.app_context():
        for number in range(first, min(first + AT_ONCE, WORLDS)):
            world = made(number)
            for person in world.people:
                theirs = {document.id for document in world.documents.values() if world.may(person, document)}
                assert seen_by(person, world) == dict.fromkeys(WAYS, theirs), number
            counts = queries.counts(world.people[2], [collection.id for collection in world.collections])
            theirs = [document for document in world.documents.values() if world.may(world.people[2], document)]
            assert sum(count.documents for count in counts.values()) == len(theirs)
            revoke(world)


def revoke(world: World) -> None:
    """Revokes every grant: afterwards only owners find anything."""
    with write() as session:
        for grant in world.grants:
            session.delete(session.merge(grant))
    world.grants = []
    for person in world.people:
        theirs = {document.id for document in world.documents.values() if world.may(person, document)}
        assert found_by(db.session.merge(person), world) == theirs
