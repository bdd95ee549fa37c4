"""/api/v1/facts: sentences that are remembered, each with where it holds and where it comes from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from flask import Blueprint, request
from pydantic import Field, StringConstraints

from webapp.api.access import caller
from webapp.api.native.receipts import SignedReceipt
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Paged
from webapp.base.db import db
from webapp.base.inputs import Input
from webapp.chat.facts import queries, service
from webapp.chat.facts.imported import MOST_BYTES
from webapp.chat.facts.queries import KnownSource
from webapp.chat.facts.service import FactChanges, FactInput, FactScope
from webapp.chat.facts.tables import Fact, ScopeKind, SourceKind, State
from webapp.chat.record.access import visible_message
from webapp.engine.tables import Generation
from webapp.people.accounts.guards import found
from webapp.people.accounts.tables import User

bp = Blueprint("api_facts", __name__, url_prefix="/api/v1/facts")
generations_bp = Blueprint("api_generation_facts", __name__, url_prefix="/api/v1/generations")


class FactScopeAnswer(Answer):
    kind: ScopeKind
    id: str = Field(description="Of the project or the character; empty for you.")


class FactSourceAnswer(Answer):
    kind: SourceKind
    id: str
    start: int = Field(description="Where the exact words begin, in code points.")
    end: int

    @classmethod
    def for_fact(cls, fact: Fact, source: KnownSource | None) -> Self | None:
        if fact.source_kind == "import":
            return cls(kind="import", id="", start=0, end=0)
        return cls.of(source) if source else None


class FactAnswer(Answer):
    """One sentence that is remembered."""

    id: str
    text: str
    scope: FactScopeAnswer
    state: State
    source: FactSourceAnswer | None = Field(description="Null if there is none, it was deleted, or you can't read it.")
    since: datetime | None = Field(description="When it was kept; null if it is only proposed.")
    used: int = Field(description="How many answers were given it.")
    contradicts: str | None = Field(description="The fact of which it says something else.")
    replaced_by: str | None
    is_outside: bool = Field(description="Whether it comes from text that no person here has written.")

    @classmethod
    def for_facts(cls, reader: User, facts: Sequence[Fact]) -> list[Self]:
        counts, sources = queries.use_counts(facts), queries.sources_of(reader, facts)
        return [
            cls.of(
                fact,
                scope=FactScopeAnswer(kind=fact.scope_kind, id=fact.scope_id),
                source=FactSourceAnswer.for_fact(fact, sources.get(fact.id)),
                since=fact.kept_at,
                used=counts.get(fact.id, 0),
                contradicts=fact.contradicts_id,
                replaced_by=fact.replaced_by_id,
            )
            for fact in facts
        ]


class FactList(Answer):
    facts: list[FactAnswer]
    next_cursor: str | None = Field(description="Null on the last page.")


class UsedFacts(Answer):
    count: int = Field(description="How many facts the answer was given that are still remembered.")
    facts: list[FactAnswer] = Field(description="Those of them that you can read.")


ScopeName = Annotated[str, StringConstraints(pattern=r"^(me|(project|character)(:[0-9A-Za-z_-]{1,64})?)?$")]


class FactsQuery(Paged):
    scope: ScopeName = Field(
        "", description="`me`, `project:ID` or `character:ID`; without an id all of that kind, left out all that you can read."
    )
    state: Literal["", "proposed", "kept", "replaced", "refused", "all"] = Field("", description="`kept` if left out.")
    q: str = Field("", description="Words that it has.", max_length=200)


class FactImportQuery(Input):
    scope: ScopeName = Field("", description="Where a sentence holds whose place the file doesn't say; `me` if left out.")


class ImportedFacts(Answer):
    """What was imported."""

    proposed: int = Field(description="How many sentences wait for you to keep or refuse them.")
    left_out: int = Field(description="How many were known, look like secrets, are no sentence, or don't fit.")


@bp.get("")
@operation("List what is remembered, the newest first", scope="read", query=FactsQuery, answer=FactList)
def index(query: FactsQuery) -> FactList:
    me, scope = caller(), FactScope.named(query.scope)
    conditions = [queries.in_scope(scope.kind, scope.id)] if query.scope else []
    if query.state != "all":
        conditions.append(Fact.state == (query.state or "kept"))
    rows = queries.facts(me, *conditions, words=query.q, before=query.cursor, limit=query.limit + 1)
    next_cursor = rows[query.limit - 1].id if len(rows) > query.limit else None
    return FactList(facts=FactAnswer.for_facts(me, rows[: query.limit]), next_cursor=next_cursor)


@bp.post("")
@operation("Remember a fact", scope="chat", body=FactInput, answer=FactAnswer, status=201, errors=(404, 409))
def create(body: FactInput) -> FactAnswer:
    return _answer(service.add(body, by=caller()).id)


@bp.post("/import")
@operation(
    "Propose the sentences of a file: what the list answers, Claude's `memories.json`, other JSON, or text with one a line",
    scope="chat",
    query=FactImportQuery,
    upload=True,
    answer=ImportedFacts,
    status=201,
    errors=(404,),
    most_bytes=MOST_BYTES,
)
def bring_in(query: FactImportQuery) -> ImportedFacts:
    scope = FactScope.named(query.scope)
    return ImportedFacts.of(service.import_facts(request.get_data(), scope, by=caller()))


@bp.get("/<id>")
@operation("Show a fact", scope="read", answer=FactAnswer)
def show(id: str) -> FactAnswer:
    return _answer(id)


@bp.patch("/<id>")
@operation("Change a fact, keep or refuse it", scope="chat", body=FactChanges, answer=FactAnswer, errors=(409,))
def change(id: str, body: FactChanges) -> FactAnswer:
    service.change(_readable(id), body, by=caller())
    return _answer(id)


@bp.delete("/<id>")
@operation("Forget a fact, and get the receipt", scope="chat", answer=SignedReceipt)
def forget(id: str) -> SignedReceipt:
    return SignedReceipt(**service.forget(_readable(id), by=caller()))


@generations_bp.get("/<id>/facts")
@operation("List the facts that an answer was given", scope="read", answer=UsedFacts)
def of_generation(id: str) -> UsedFacts:
    generation, me = db.session.get(Generation, id), caller()
    visible_message((generation.message_id if generation else None) or "")
    facts = queries.given_to(Generation.id == id)
    return UsedFacts(count=len(facts), facts=FactAnswer.for_facts(me, queries.read_by(me, facts)))


def _readable(id: str) -> Fact:
    return found(queries.fact(caller(), id))


def _answer(id: str) -> FactAnswer:
    return FactAnswer.for_facts(caller(), [_readable(id)])[0]
