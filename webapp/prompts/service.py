"""Operations on prompts: create, publish a version, choose the version in use, share and delete."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import count

from sqlalchemy import Select, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.base.words import plural
from webapp.knowledge import service
from webapp.people.accounts import creation_limit
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import PersonAuthor
from webapp.people.things import grants
from webapp.people.things.thing import Thing
from webapp.prompts import active_prompts, queries
from webapp.prompts.tables import FIXED, LATEST, Prompt, PromptVersion
from webapp.prompts.validation import PromptInput, VersionInput, refuse_unfit
from webapp.tools.named import checked_keys

MOST_VERSIONS = 1_000
READS_NOTHING = "This prompt isn't used in chats, so it can't have collections."
CALLS_NOTHING = "This prompt isn't used in chats, so it can't have tools."
NEEDS_EXPERIMENT = "Start an experiment to compare versions: this strategy can't be set by itself."


def make(entered: PromptInput, first: VersionInput | None, *, author: PersonAuthor, is_teams: bool = False) -> str:
    """Creates a prompt, optionally with its first version, and returns its id."""
    key, owner_id = entered.key, None if is_teams else author.actor.id
    if is_teams and not may(author.actor, "administer"):
        raise Forbidden("Only the owner and admins can create prompts for the team.")
    if key in queries.built_ins():
        # If a person had both under the same key, only one of them could be reached by it.
        raise Conflict("Millrace uses this name itself. Choose another one.", field="key")
    PROMPTS.refuse_too_many(owner_id)
    creation_limit.count(author.actor.id)
    try:
        with write() as session:
            row = Prompt(owner_id=owner_id, key=key, about=entered.about)
            session.add(row)
            session.flush()
            if first:
                _add_version(session, row, 1, first, author.actor.id)
            note(session, "created a prompt", key, "", author)
            return row.id
    except IntegrityError as error:
        raise Conflict("There is already a prompt with this name. Choose another one.", field="key") from error


def publish(prompt: queries.KnownPrompt, entered: VersionInput, *, author: PersonAuthor, seen: int | None = None) -> int:
    """Adds a version and returns its number; with the strategy LATEST it is in use immediately.

    `seen` is the newest version that the author has read: if there is a newer one, raises Conflict, so that no unread change is
    replaced.
    """
    PROMPTS.refuse_unless_owner(prompt, author.actor)
    if prompt.built_in:
        refuse_unfit(entered.parts, prompt.built_in)
    user_id = author.actor.id
    with write() as session:
        row = row_of(session, prompt)
        newest = session.scalar(select(func.max(PromptVersion.number)).where(PromptVersion.prompt_id == row.id)) or 0
        _refuse_unseen(newest, seen)
        _add_version(session, row, newest + 1, entered, user_id)
        row.changed_at = utc_now()
        note(session, "published a prompt", row.key, f"version {newest + 1}", author)
    active_prompts.forget()
    return newest + 1


def choose(prompt: queries.KnownPrompt, strategy: str, version: int | None, *, author: PersonAuthor) -> None:
    """Sets the version in use: always the newest, or a fixed one, for example to roll back."""
    PROMPTS.refuse_unless_owner(prompt, author.actor)
    if strategy not in (FIXED, LATEST):
        raise Invalid(NEEDS_EXPERIMENT, field="strategy")
    if strategy == FIXED and version is None:
        raise Invalid("Choose the version to use.", field="version")
    with write() as session:
        row = row_of(session, prompt)
        refuse_while_compared(row)
        if strategy == FIXED and version not in session.scalars(numbers_of(row.id)).all():
            raise NotFound("There is no such version.")
        row.strategy, row.version, row.changed_at = strategy, version if strategy == FIXED else None, utc_now()
        detail = f"version {version}" if strategy == FIXED else "always the newest version"
        note(session, "chose a prompt version", row.key, detail, author)
    active_prompts.forget()


def read_from(prompt: queries.KnownPrompt, collection_ids: Sequence[str], *, author: PersonAuthor) -> None:
    """Sets the collections that answers using the prompt read from; each answer reads those that its asker can see.

    Collections that others have chosen and this person can't see are kept.
    """
    PROMPTS.refuse_unless_owner(prompt, author.actor)
    if not prompt.can_read:
        raise Conflict(READS_NOTHING)
    chosen = service.attachable(collection_ids, prompt.collection_ids, author.actor)
    if chosen == list(prompt.collection_ids):
        return
    with write() as session:
        row = _existing_row(session, prompt)
        row.collection_ids, row.changed_at = chosen, utc_now()
        note(session, "chose the collections of a prompt", row.key, plural(len(chosen), "collection"), author)
    active_prompts.forget()


def name_tools(prompt: queries.KnownPrompt, keys: Sequence[str], *, author: PersonAuthor) -> None:
    """Sets the tools that are on where the prompt is used; each answer has those that its asker can use.

    Tools that others have chosen and this person can't use are kept.
    """
    PROMPTS.refuse_unless_owner(prompt, author.actor)
    if not prompt.can_read:
        raise Conflict(CALLS_NOTHING)
    chosen = checked_keys(author.actor, keys, prompt.tools)
    if chosen == list(prompt.tools):
        return
    with write() as session:
        row = _existing_row(session, prompt)
        row.tools, row.changed_at = chosen, utc_now()
        note(session, "chose the tools of a prompt", row.key, ", ".join(chosen) or "none", author)
    active_prompts.forget()


def share(prompt: queries.KnownPrompt, *, is_open: bool, author: PersonAuthor) -> None:
    """Shares a person's prompt with the whole team, or stops sharing it."""
    PROMPTS.refuse_unless_owner(prompt, author.actor)
    if not prompt.owner_id:
        raise Invalid("Everyone on the team can already use this prompt.")
    if is_open and not may(author.actor, "see people"):
        raise Forbidden("Guests can't share prompts.")
    user_id = author.actor.id
    with write() as session:
        if grants.open_to_team(session, queries.KIND, prompt.id, by=user_id, is_open=is_open):
            note(session, "shared a prompt" if is_open else "stopped sharing a prompt", prompt.key, "with everyone", author)


def remove(prompt: queries.KnownPrompt, *, author: PersonAuthor) -> None:
    """Deletes a prompt with its versions; a built-in one is reset to its original text."""
    PROMPTS.refuse_unless_owner(prompt, author.actor)
    if not prompt.id:
        raise Conflict("This prompt comes with Millrace and is unchanged.")
    with write() as session:
        refuse_while_compared(row_of(session, prompt))
        grants.forget(session, queries.KIND, [prompt.id])
        # Its experiments are deleted by the foreign key's cascade.
        session.execute(delete(PromptVersion).where(PromptVersion.prompt_id == prompt.id))
        session.execute(delete(Prompt).where(Prompt.id == prompt.id))
        note(session, "reset a prompt" if prompt.built_in else "deleted a prompt", prompt.key, "", author)
    active_prompts.forget()


def refuse_while_compared(row: Prompt) -> None:
    """Raises Conflict while an experiment decides which version is used."""
    if row.strategy not in (FIXED, LATEST):
        raise Conflict("An experiment is running on this prompt. Stop it first.")


def row_of(session: Session, prompt: queries.KnownPrompt) -> Prompt:
    """Returns the locked row; for a built-in prompt without versions, stores its text as the first version."""
    row = _existing_row(session, prompt)
    if prompt.built_in and session.scalar(numbers_of(row.id).limit(1)) is None:
        first = queries.first_version(prompt.built_in)
        _add_version(session, row, first.number, first, None)
        session.flush()
    return row


def _existing_row(session: Session, prompt: queries.KnownPrompt) -> Prompt:
    """Returns the locked row; creates one without versions for a built-in prompt, whose text still changes with updates."""
    # Looked up by key, so that of two admins who edit a built-in prompt concurrently, the second finds the row of the first.
    is_it = Prompt.id == prompt.id if not prompt.built_in else Prompt.owner_id.is_(None) & (Prompt.key == prompt.key)
    if row := session.scalar(select(Prompt).where(is_it).with_for_update().execution_options(populate_existing=True)):
        return row
    if not prompt.built_in:
        raise Conflict("This prompt has just been deleted.")
    row = Prompt(owner_id=None, key=prompt.key)
    session.add(row)
    session.flush()
    return row


def numbers_of(prompt_id: str) -> Select[int]:
    return select(PromptVersion.number).where(PromptVersion.prompt_id == prompt_id)


def _add_version(
    session: Session, row: Prompt, number: int, version: VersionInput | queries.Version, user_id: str | None
) -> None:
    session.add(
        PromptVersion(
            prompt_id=row.id,
            number=number,
            sections=[asdict(part) for part in version.parts],
            model=version.model,
            temperature=version.temperature,
            max_tokens=version.max_tokens,
            note=version.note,
            created_by=user_id,
        )
    )


def _refuse_unseen(newest: int, seen: int | None) -> None:
    if seen is not None and newest > max(seen, queries.FIRST):
        raise Conflict(f"Version {newest} was published in the meantime. Compare it with yours, then publish again.")
    if newest >= MOST_VERSIONS:
        raise Conflict(f"This prompt has {MOST_VERSIONS:,} versions, which is the limit.")


def note(session: Session, action: str, key: str, detail: str, author: audit.AuditAuthor) -> None:
    audit.add(session, action, author=author, object_kind="prompt", object_id=key, detail=detail)


def hand_over(session: Session, person_id: str, heir_id: str) -> int:
    """Makes the heir the owner of a person's prompts; one whose key the heir has already gets a number."""
    taken = set(session.scalars(select(Prompt.key).where(Prompt.owner_id == heir_id)))
    prompts = session.scalars(select(Prompt).where(Prompt.owner_id == person_id)).all()
    for prompt in prompts:
        # A key has at most 80 characters.
        others = (f"{prompt.key[:72]}-{number}" for number in count(2))
        key = prompt.key if prompt.key not in taken else next(other for other in others if other not in taken)
        prompt.key, prompt.owner_id = key, heir_id
        taken.add(key)
    return len(prompts)


# A built-in one without changes has no row, and so no trash: deleting is going back to its own text.
PROMPTS = Thing(
    kind=queries.KIND,
    table=Prompt,
    word="prompt",
    most_own=500,
    instead="Copy its text into a new one to get your own.",
    heirs_name="prompts",
    hand_over=hand_over,
)
