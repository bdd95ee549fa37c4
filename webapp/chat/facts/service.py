"""Facts, made and changed by people: checked, limited in each scope, and forgotten."""

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field
from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.base.inputs import AnyId, Changes, Input, OneLine, storable
from webapp.base.visible_text import visible
from webapp.base.words import number
from webapp.characters.queries import character_of, known_to
from webapp.chat.facts import forgetting, queries
from webapp.chat.facts.imported import ScopeName, imported
from webapp.chat.facts.scopes import writable
from webapp.chat.facts.secret_words import has_secret
from webapp.chat.facts.tables import Fact, ScopeKind, State
from webapp.chat.record import projects
from webapp.chat.record.tables import Message, Project
from webapp.models.upstream.bounded_json import UnreadableJson
from webapp.people.accounts.tables import User
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call

MOST_CHARS, MOST_OF_SCOPE = 500, 1_000
# Joins letters and signs, as in Persian and in signs of families, and says in which direction they are read.
JOINING = re.compile("[\u200c-\u200f\u202a-\u202e\u2066-\u2069]")


class FactLine(OneLine):
    """A line that can have what joins letters and signs."""

    def allows(self, line: str) -> bool:
        return OneLine.allows(self, JOINING.sub("-", line)) and bool(JOINING.sub("", line).strip())


FACT = FactLine(f"Write one sentence of up to {MOST_CHARS} characters.", MOST_CHARS, 1)
SECRET = "This looks like a password, a key or an account number. Confirm that it is to be remembered."
UNREADABLE = "Choose a JSON or text file of up to 1 MB, or paste one sentence a line: 1,000 at most."
KNOWN = "This is remembered already."
NOT_THERE = "These words are not there."
ELSEWHERE = "That fact is used elsewhere, so this one can't take its place."
REPLACED = "That fact isn't remembered any more, so nothing takes its place."


class FactScope(Input):
    """Where a fact holds: for you, for the members of a project, or for you with a character."""

    kind: ScopeKind = "me"
    id: AnyId = Field("", description="Of the project or the character.")

    @classmethod
    def named(cls, name: str) -> Self:
        """Returns the scope of a name such as `project:ID`; without a name, all of a person's chats."""
        kind, _, id = name.partition(":")
        return cls.entered({"kind": kind or "me", "id": id})


class FactSource(Input):
    """Where a fact was read: some characters of a message, or of what a call returned."""

    kind: Literal["message", "call"]
    id: AnyId
    start: int = Field(ge=0, le=10_000_000)
    end: int = Field(ge=1, le=10_000_000, description="In code points, as `start`, and the first one after it.")


class FactInput(Input):
    text: Annotated[str, Field(max_length=2 * MOST_CHARS), FACT] = Field(description="One sentence of up to 500 characters.")
    scope: FactScope = FactScope(kind="me", id="")
    source: FactSource | None = None
    replaces: AnyId = Field("", description="A fact of yours that this one takes the place of.")
    confirm: bool = Field(False, description="Remember it although it looks like a secret.")


class FactChanges(Changes):
    text: Annotated[str, Field(max_length=2 * MOST_CHARS), FACT] | None = Field(None, description="One sentence.")
    scope: FactScope | None = None
    state: Literal["kept", "refused"] | None = Field(None, description="`kept` replaces the fact that this one contradicts.")
    confirm: bool = Field(False, description="Remember it although it looks like a secret.")
    keeps_both: bool = Field(False, description="With `kept`: keep the fact that this one contradicts, too.")


@dataclass(frozen=True, slots=True)
class FoundFact:
    """A sentence that a program proposes, with the exact words that say it, and a fact of which it says something else."""

    text: str
    quote: str = ""
    start: int = 0
    contradicts_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """The columns of a scope that was checked."""

    project_id: str | None = None
    character_id: str | None = None

    @classmethod
    def checked(cls, scope: FactScope, person: User) -> Self:
        """Returns the place of a scope in which the person may write; raises an error for any other."""
        if scope.kind == "project":
            project = projects.project(person, scope.id)
            if not project:
                raise NotFound("There is no such project.")
            if projects.right_in(project, person) == projects.READ:
                raise Forbidden("You can read this project, but not write in it.")
            return cls(project_id=project.id)
        if scope.kind == "character":
            character = character_of(db.session(), person.id, scope.id)
            if not character:
                raise NotFound("There is no such character.")
            return cls(character_id=character.id)
        return cls()

    def condition(self, owner_id: str) -> ColumnElement[bool]:
        if self.project_id:
            return Fact.project_id == self.project_id
        return and_(
            Fact.project_id.is_(None), Fact.character_id.is_not_distinct_from(self.character_id), Fact.owner_id == owner_id
        )


def add(entered: FactInput, *, by: User) -> Fact:
    """Keeps a new fact; one that it replaces stays readable. A sentence that is kept there already is a `Conflict`."""
    place, person_id = _Place.checked(entered.scope, by), by.id
    _refuse_secret(entered.text, confirm=entered.confirm)
    source = _source(entered.source, by) if entered.source else {}
    replaced = _replaceable(entered.replaces, place, by) if entered.replaces else ""
    fact = Fact(owner_id=person_id, text=visible(entered.text), state="kept", kept_at=utc_now(), **asdict(place), **source)
    with write() as session:
        _make_room(session, place, person_id, fact.text, replaced=replaced)
        session.add(fact)
        session.flush()
        if replaced:
            _replace(session, replaced, fact.id)
        _mark(session, person_id, place.project_id)
    return fact


def propose(
    session: Session,
    facts: Sequence[FoundFact],
    *,
    owner_id: str,
    project_id: str | None = None,
    character_id: str | None = None,
    is_kept: bool = False,
    **source: Any,
) -> int:
    """Stores facts that a program has found for their owner to decide, each text once; returns how many are new.

    With `is_kept` they hold at once, but for contradictions. What looks like a secret is left out.
    """
    place, now = _Place(project_id, character_id), utc_now()
    # Compared here, as SQLite lowers the letters of ASCII alone.
    texts = session.scalars(select(Fact.text).where(place.condition(owner_id))).all()
    known, room, new = {text.casefold() for text in texts}, MOST_OF_SCOPE - len(texts), dict[str, Fact]()
    for one in facts:
        key = one.text.casefold()
        if key in known or key in new or len(new) >= room or has_secret(one.text) or has_secret(one.quote):
            continue
        state: State = "kept" if is_kept and not one.contradicts_id else "proposed"
        columns = {"text": one.text, "state": state, "created_at": now, "kept_at": now if state == "kept" else None}
        columns |= {"contradicts_id": one.contradicts_id, "quote_start": one.start, "quote_end": one.start + len(one.quote)}
        new[key] = Fact(owner_id=owner_id, **columns, **asdict(place), **source)
    session.add_all(new.values())
    session.flush()
    if is_kept and new:
        _mark(session, owner_id)
    return len(new)


def propose_for(person: User, text: str, scope: FactScope) -> bool:
    """Stores a sentence of a program for the person to decide, where they may write; returns whether it is new there."""
    place, person_id, sentence = _Place.checked(scope, person), person.id, _sentence(text)
    if not sentence:
        raise Invalid(FACT.sentence, field="text")
    _refuse_secret(sentence, confirm=False)
    with write() as session:
        return bool(propose(session, [FoundFact(sentence)], owner_id=person_id, **asdict(place), is_outside=True))


class ImportResult(NamedTuple):
    """How many sentences of a file wait for the person now, and how many were known, look like secrets, or don't fit."""

    proposed: int
    left_out: int


def import_facts(content: bytes, scope: FactScope, *, by: User) -> ImportResult:
    """Proposes the sentences of a file, each where it says if the person may write there, otherwise in this scope."""
    chosen, person_id = _Place.checked(scope, by), by.id
    try:
        entries = list(islice(imported(content, most_chars=MOST_CHARS), MOST_OF_SCOPE + 1))
    except UnreadableJson as error:
        raise Invalid(UNREADABLE, field="file") from error
    if not 0 < len(entries) <= MOST_OF_SCOPE:
        raise Invalid(UNREADABLE, field="file")
    places = _places_named({entry.scope for entry in entries}, by)
    facts_by_place = dict[_Place, list[FoundFact]]()
    for entry in entries:
        if sentence := _sentence(entry.text):
            facts_by_place.setdefault(places.get(entry.scope, chosen), []).append(FoundFact(sentence))
    count = 0
    with write() as session:
        # In one order, so that no two imports wait for each other's locks.
        for place in sorted(facts_by_place, key=lambda place: place.project_id or ""):
            _lock(session, place, person_id)
            columns = {**asdict(place), "source_kind": "import", "is_outside": True}
            count += propose(session, facts_by_place[place], owner_id=person_id, **columns)
        _mark(session, person_id, *(place.project_id for place in facts_by_place))
    return ImportResult(count, len(entries) - count)


def _sentence(text: str) -> str:
    """Returns what a program or a file says as one line that hides nothing; empty if that is no fact."""
    line = " ".join(visible(text).split())
    return line if FACT.allows(line) else ""


def _places_named(names: Collection[ScopeName], person: User) -> dict[ScopeName, _Place]:
    """Returns the places of those scopes in which the person may write."""
    project_ids, character_ids = ([id for kind, id in names if kind == wanted] for wanted in ("project", "character"))
    theirs = projects.seen_among(person, project_ids, rights=(projects.WRITE,))
    places = {("project", id): _Place(project_id=id) for id in theirs}
    places |= {("character", id): _Place(character_id=id) for id in known_to(db.session(), person.id, character_ids)}
    return {("me", ""): _Place(), **places}


def change(fact: Fact, entered: FactChanges, *, by: User) -> None:
    """Changes the sentence, the scope or the state of a fact."""
    fact_id, owner_id, before = _own(fact.id, by).id, fact.owner_id, fact.project_id
    place, values = _Place(fact.project_id, fact.character_id), dict[str, Any]()
    if entered.text is not None:
        _refuse_secret(entered.text, confirm=entered.confirm)
        values["text"] = visible(entered.text)
    has_moved = entered.scope is not None and _Place.checked(entered.scope, by) != place
    if entered.scope is not None:
        if has_moved and owner_id != by.id:
            raise Forbidden("Only the person who wrote it can say where it holds.")
        place = _Place.checked(entered.scope, by)
        values |= asdict(place)
    if entered.state and entered.state != fact.state:
        values |= {"state": entered.state, "kept_at": utc_now() if entered.state == "kept" else fact.kept_at}
        values["replaced_by_id"] = None
    contradicted = fact.contradicts_id if values.get("state") == "kept" and not entered.keeps_both else None
    said_id = fact.message_id if "state" in values else None
    kept_text = values.get("text", fact.text) if values.get("state", fact.state) == "kept" else ""
    with write() as session:
        if has_moved or (kept_text and values.keys() & {"text", "state"}):
            _make_room(session, place, owner_id, kept_text, fact_id=fact_id, replaced=contradicted)
        session.execute(update(Fact).where(Fact.id == fact_id).values(**values or {"id": fact_id}))
        if contradicted:
            _replace(session, contradicted, fact_id)
        if said_id:
            _count_proposed(session, said_id)
        _mark(session, owner_id, before, place.project_id)


def forget(fact: Fact, *, by: User) -> dict[str, Any]:
    """Deletes a fact wherever its sentence stands, with those that are not kept and say the same; returns the receipt."""
    row = _own(fact.id, by)
    owner_id, project_id = row.owner_id, row.project_id
    is_here = _Place(project_id, row.character_id).condition(owner_id)
    others = select(Fact).where(is_here, writable(by), Fact.state != "kept", Fact.id != row.id)
    key = row.text.casefold()
    going = [row, *(other for other in db.session.scalars(others) if other.text.casefold() == key)]
    for one in going:
        if one.state in ("kept", "proposed"):
            # No prompt gets it from now on, and no answer asks about it.
            change(one, FactChanges.entered({"state": "refused"}), by=by)
    return forgetting.receipt_for(going, by=by, finish=lambda session: _mark(session, owner_id, project_id))


def source_text(kind: Literal["message", "call"], id: str, *, by: User) -> str:
    """Returns the text of a message, or of what a call returned, that the person reads."""
    call, message = _source_rows(kind, id, by)
    return call.text if call else message.content


def quoted(kind: Literal["message", "call"], id: str, quote: str, *, by: User) -> FactSource:
    """Returns the first place in such a text where these words stand."""
    words = storable(quote)
    start = source_text(kind, id, by=by).find(words)
    if not words or start < 0:
        raise Invalid(NOT_THERE, field="quote")
    return FactSource(kind=kind, id=id, start=start, end=start + len(words))


def _own(id: str, person: User) -> Fact:
    """Returns a fact that the person may change; one that they only read is refused, any other isn't there."""
    if fact := queries.fact(person, id, writable(person)):
        return fact
    if queries.fact(person, id):
        raise Forbidden("You can read this project, but not write in it.")
    raise NotFound("There is no such fact.")


def _replaceable(id: str, place: _Place, person: User) -> str:
    """Returns the id of a fact that another one here takes the place of: what is a project's is no one's own."""
    fact = _own(id, person)
    if fact.project_id != place.project_id:
        raise Invalid(ELSEWHERE, field="replaces")
    if fact.state != "kept":
        raise Conflict(REPLACED)
    return fact.id


def _refuse_secret(text: str, *, confirm: bool) -> None:
    if not confirm and has_secret(text):
        raise Invalid(SECRET, field="confirm")


def _source(source: FactSource, person: User) -> dict[str, Any]:
    """Returns the columns of a source that the person reads; what no person has written is from outside."""
    call, message = _source_rows(source.kind, source.id, person)
    if not source.start < source.end <= len(call.text if call else message.content):
        raise Invalid(NOT_THERE, field="source")
    is_own = not call and message.role == "user" and message.author_id == person.id
    is_outside = bool(call) or bool(message.outside) or (message.role == "user" and not is_own)
    place = {"call_id": call.id} if call else {"message_id": message.id}
    return {**place, "source_kind": source.kind, "quote_start": source.start, "quote_end": source.end, "is_outside": is_outside}


def _source_rows(kind: str, id: str, person: User) -> tuple[Call | None, Message]:
    call = db.session.get(Call, id) if kind == "call" else None
    message = db.session.get(Message, call.message_id if call else id)
    is_hidden = (kind == "call" and not call) or (call and hidden_results(person, [call]))
    if is_hidden or not message or not queries.may_read(person, message):
        raise NotFound("There is no such message.")
    return call, message


def _make_room(
    session: Session, place: _Place, owner_id: str, kept_text: str, *, fact_id: str = "", replaced: str | None = None
) -> None:
    """Raises if a scope is full without the fact itself, or has the sentence that is to be kept, but in the replaced one."""
    _lock(session, place, owner_id)
    query = select(Fact.id, Fact.state, Fact.text).where(place.condition(owner_id), Fact.id != fact_id)
    facts = session.execute(query).all()
    kept = {text.casefold() for id, state, text in facts if state == "kept" and id != replaced}
    if kept_text.casefold() in kept:
        raise Conflict(KNOWN)
    if len(facts) >= MOST_OF_SCOPE:
        raise Conflict(f"There are {number(MOST_OF_SCOPE)} facts here. Forget some first.")


def _lock(session: Session, place: _Place, owner_id: str) -> None:
    """Locks a scope's row until facts are stored, so that two requests at a time are counted; `_mark` says then what it has."""
    row = update(Project).where(Project.id == place.project_id) if place.project_id else update(User).where(User.id == owner_id)
    session.execute(row.values(has_facts=True).execution_options(synchronize_session=False))


def _count_proposed(session: Session, said_id: str) -> None:
    """Stores with the answers to a message how many of the facts proposed from it await their person."""
    count = select(func.count(Fact.id)).where(queries.is_undecided(said_id)).scalar_subquery()
    answers = update(Message).where(Message.parent_id == said_id, Message.proposal_count > 0).values(proposal_count=count)
    session.execute(answers.execution_options(synchronize_session=False))


def _replace(session: Session, id: str, by_id: str) -> None:
    session.execute(update(Fact).where(Fact.id == id).values(state="replaced", replaced_by_id=by_id))


def _mark(session: Session, owner_id: str, *project_ids: str | None) -> None:
    """Notes whether a person and these projects have any kept fact, which every prompt reads without a query."""
    is_kept = exists().where(Fact.owner_id == owner_id, Fact.project_id.is_(None), Fact.state == "kept")
    session.execute(update(User).where(User.id == owner_id).values(has_facts=is_kept))
    for id in {id for id in project_ids if id}:
        is_kept = exists().where(Fact.project_id == id, Fact.state == "kept")
        session.execute(update(Project).where(Project.id == id).values(has_facts=is_kept))
