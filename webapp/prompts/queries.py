"""Database queries for prompts, including built-in ones that have no row yet."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, bindparam, case, func, or_, select
from sqlalchemy.orm import aliased

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import gettext as _
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import Grant, User
from webapp.people.search import SearchQuery
from webapp.people.things import grants
from webapp.prompts.built_in import BuiltIn
from webapp.prompts.tables import FIXED, LATEST, Experiment, ExperimentArm, Prompt, PromptVersion
from webapp.prompts.template import PromptPart, pieces
from webapp.web.feature import brought

KIND = "prompt"
SEPARATORS = re.compile(r"[-_.]")
MOST_LISTED = 1_000
# How many versions of others' prompts are looked for in messages, and how long a text is that could not be anyone's.
MOST_COMPARED, LEAST_CHARS = 200, 24
# How many versions' texts are read in one query.
AT_ONCE = 10
# The text that ships with Millrace is version 1 of its key, with this note.
FIRST, FIRST_NOTE = 1, "Comes with Millrace."
KEPT = ("number", "sections", "model", "temperature", "max_tokens")
OF_EXPERIMENT, OF_ARM = ("method", "min_samples"), ("place", "weight", "paused_at", "exposures", "good", "judged")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a prompt; `by` is the name of the person who published it."""

    number: int
    parts: tuple[PromptPart, ...]
    model: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    note: str = ""
    by: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownPrompt:
    """A prompt as it is now; a built-in one without changes has no `id`."""

    id: str
    key: str
    about: str
    owner_id: str | None
    strategy: str
    version: int | None
    changed_at: datetime | None
    built_in: BuiltIn | None
    collection_ids: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The identifier in URLs: the id, as a person and the team can use the same key; a built-in key is unique."""
        return self.key if self.built_in else self.id

    @property
    def title(self) -> str:
        """The name on pages: of one's own prompts, the key in words."""
        return _(self.built_in.title) if self.built_in else title_of(self.key)

    @property
    def is_fixed(self) -> bool:
        return self.strategy == FIXED

    @property
    def is_compared(self) -> bool:
        """Whether an experiment decides which version is used."""
        return self.strategy not in (FIXED, LATEST)

    @property
    def can_read(self) -> bool:
        """Whether answers that use the prompt can read from collections and use tools."""
        return not self.built_in or self.built_in.leads_chats


def built_ins() -> Mapping[str, BuiltIn]:
    return {built_in.key: built_in for built_in in brought(BuiltIn)}


def title_of(key: str) -> str:
    """Returns the title of the built-in prompt with this key; of another one, the key in words."""
    words = SEPARATORS.sub(" ", key)
    return _(built_ins()[key].title) if key in built_ins() else words[:1].upper() + words[1:]


def prompts(user: User) -> list[KnownPrompt]:
    """Returns every prompt that this person can see, by key."""
    query = select(Prompt).where(_sees_prompt(user)).order_by(Prompt.key, Prompt.id).limit(MOST_LISTED)
    rows = [_known(row) for row in db.session.scalars(query)]
    changed = {row.key for row in rows if row.built_in}
    others = (
        _untouched(built_in) for built_in in built_ins().values() if may(user, "administer") and built_in.key not in changed
    )
    return sorted((*rows, *others), key=lambda prompt: prompt.key)


def prompts_named(user: User, query: SearchQuery, *, limit: int) -> list[KnownPrompt]:
    """Returns the prompts with these words in their keys or descriptions, by key; built-in ones only if they were changed."""
    statement = select(Prompt).where(query.within(Prompt.key, Prompt.about), _sees_prompt(user)).order_by(Prompt.key, Prompt.id)
    return [_known(row) for row in db.session.scalars(statement.limit(limit))]


def prompt(user: User, name: str) -> KnownPrompt | None:
    """Returns the prompt with this id or key if this person can see it; with the same key, their own is preferred."""
    is_named = or_(Prompt.id == name, Prompt.key == name)
    prompts = db.session.scalars(select(Prompt).where(is_named, _sees_prompt(user))).all()
    if prompts:
        return _known(min(prompts, key=lambda row: (row.id != name, row.owner_id != user.id, row.owner_id is not None, row.id)))
    is_theirs = may(user, "administer") and name in built_ins()
    return _untouched(built_ins()[name]) if is_theirs else None


def is_shared(prompt: KnownPrompt) -> bool:
    """Returns whether its owner shares it with the whole team."""
    query = select(Grant.id).where(grants.is_about(KIND, prompt.id), grants.is_for_team())
    return db.session.scalar(query.limit(1)) is not None


def versions(prompt: KnownPrompt) -> list[Version]:
    """Returns every version without its text, newest first; the built-in text if none is published.

    `with_texts` loads the texts of some versions, because those of all can be sixty megabytes.
    """
    published = _published(prompt) if prompt.id else []
    return published or ([first_version(prompt.built_in)] if prompt.built_in else [])


def with_texts(prompt: KnownPrompt, some: Sequence[Version]) -> Iterator[Version]:
    """Yields these versions with their texts, in order; lets other greenlets run between batches."""
    for start in by_turns(range(0, len(some), AT_ONCE)):
        batch = some[start : start + AT_ONCE]
        query = select(PromptVersion.number, PromptVersion.sections).where(PromptVersion.prompt_id == prompt.id)
        rows = db.session.execute(query.where(PromptVersion.number.in_([version.number for version in batch])))
        texts = {row.number: row.sections for row in rows}
        yield from (
            replace(version, parts=_parts(texts[version.number])) if version.number in texts else version for version in batch
        )


def _published(prompt: KnownPrompt) -> list[Version]:
    one = PromptVersion
    columns = one.number, one.model, one.temperature, one.max_tokens, one.note, User.name, one.created_at
    query = select(*columns).outerjoin(User, User.id == one.created_by).where(one.prompt_id == prompt.id)
    rows = db.session.execute(query.order_by(one.number.desc()))
    return [
        Version(number, (), model, temperature, most, note, by or "", at)
        for number, model, temperature, most, note, by, at in rows
    ]


def in_use(prompt: KnownPrompt, among: Sequence[Version]) -> Version:
    """Returns the version in use: the one that the strategy names, else the newest."""
    named = (version for version in among if prompt.strategy != LATEST and version.number == prompt.version)
    return next(named, among[0])


def number_in_use(prompt: KnownPrompt) -> int | None:
    """Returns the number of the version in use, which in an experiment is the control; None if there is no version."""
    if not prompt.id:
        return FIRST
    newest = select(func.max(PromptVersion.number)).where(PromptVersion.prompt_id == prompt.id)
    first = FIRST if prompt.built_in else None
    return (db.session.scalar(newest) or first) if prompt.strategy == LATEST else prompt.version


def newest_numbers(prompts: Iterable[KnownPrompt]) -> dict[str, int]:
    """Returns the numbers of the newest versions of these prompts, by id; none for a prompt without versions."""
    one, ids = PromptVersion, [prompt.id for prompt in prompts if prompt.id]
    newest = select(one.prompt_id, func.max(one.number).label("newest")).where(one.prompt_id.in_(ids)).group_by(one.prompt_id)
    return {row.prompt_id: row.newest for row in db.session.execute(newest)} if ids else {}


def running_on(prompt: KnownPrompt) -> str:
    """Returns the id of the running experiment that decides which version is used; empty without one."""
    if not prompt.is_compared:
        return ""
    query = select(Experiment.id).where(Experiment.prompt_id == prompt.id, Experiment.ended_at.is_(None))
    return db.session.scalar(query) or ""


def first_version(built_in: BuiltIn) -> Version:
    return Version(FIRST, built_in.parts, note=FIRST_NOTE)


def used_rows(keys: Iterable[str]) -> Sequence[RowMapping]:
    """Returns, for these keys of the team, the version in use, the one before it, and those in an experiment, newest first.

    A key without versions gives one row with empty columns. Uses a separate database connection.
    """
    with db.engine.connect() as connection:
        return list(connection.execute(_used_rows(), {"keys": list(keys)}).mappings())


@cache
def _used_rows() -> Select[*tuple[Any, ...]]:
    # Made once: every process asks this again and again, and making the statement takes longer than the database does.
    every, arm = aliased(PromptVersion), ExperimentArm
    newest = select(func.max(every.number)).where(every.prompt_id == Prompt.id).correlate(Prompt).scalar_subquery()
    used = case((Prompt.strategy == LATEST, newest), else_=func.coalesce(Prompt.version, newest))
    is_used = PromptVersion.number.in_((used, used - 1))
    columns = (
        *(getattr(PromptVersion, name) for name in KEPT),
        *(getattr(Experiment, name) for name in OF_EXPERIMENT),
        *(getattr(arm, name) for name in OF_ARM),
    )
    return (
        select(
            Prompt.key,
            Prompt.collection_ids,
            Prompt.tools,
            is_used.label("is_used"),
            Experiment.id.label("experiment_id"),
            *columns,
        )
        .select_from(Prompt)
        .outerjoin(PromptVersion, PromptVersion.prompt_id == Prompt.id)
        .outerjoin(Experiment, (Experiment.prompt_id == Prompt.id) & Experiment.ended_at.is_(None))
        .outerjoin(arm, (arm.experiment_id == Experiment.id) & (arm.version == PromptVersion.number))
        .where(
            Prompt.owner_id.is_(None),
            Prompt.key.in_(bindparam("keys", expanding=True)),
            or_(is_used, arm.version.is_not(None), PromptVersion.id.is_(None)),
        )
        .order_by(Prompt.key, PromptVersion.number.desc())
    )


def used_version(row: RowMapping) -> Version:
    return Version(row["number"], _parts(row["sections"]), row["model"], row["temperature"], row["max_tokens"])


def count_of(owner_id: str | None) -> int:
    """Returns how many prompts a person has, or the team for None."""
    return db.session.scalar(select(func.count()).select_from(Prompt).where(Prompt.owner_id == owner_id)) or 0


def _sees_prompt(user: User) -> ColumnElement[bool]:
    is_teams = Prompt.owner_id.is_(None)
    teams = is_teams if may(user, "administer") else is_teams & Prompt.key.not_in(list(built_ins()))
    return or_(teams, Prompt.owner_id == user.id, Prompt.id.in_(grants.given_to(user, KIND)))


def _known(row: Prompt) -> KnownPrompt:
    built_in = built_ins().get(row.key) if row.owner_id is None else None
    about = built_in.about if built_in else row.about
    used = (row.strategy, row.version, row.changed_at)
    return KnownPrompt(row.id, row.key, about, row.owner_id, *used, built_in, tuple(row.collection_ids), tuple(row.tools))


def _untouched(built_in: BuiltIn) -> KnownPrompt:
    return KnownPrompt("", built_in.key, built_in.about, None, LATEST, None, None, built_in)


def _parts(sections: Sequence[Mapping[str, str]]) -> tuple[PromptPart, ...]:
    return tuple(PromptPart(section["name"], section["text"]) for section in sections)


def texts_by_others(user: User) -> Iterator[tuple[str, str | None, str]]:
    """Yields what others' prompts put into a person's messages, without fields: each text after its prompt's title and owner."""
    query = select(Prompt.key, Prompt.owner_id, PromptVersion.sections).join(PromptVersion, PromptVersion.prompt_id == Prompt.id)
    theirs = query.where(Prompt.owner_id != user.id, Prompt.id.in_(grants.given_to(user, KIND)))
    for key, owner_id, sections in db.session.execute(theirs.order_by(PromptVersion.id.desc()).limit(MOST_COMPARED)):
        for part in _parts(sections):
            texts = (piece.text.strip() for piece in pieces(part.text) if not piece.variable)
            yield from ((title_of(key), owner_id, text) for text in texts if len(text) >= LEAST_CHARS)
