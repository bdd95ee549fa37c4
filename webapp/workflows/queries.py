"""Reads workflow runs."""

from collections.abc import Sequence

from sqlalchemy import select

from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.workflows.state import ENDED
from webapp.workflows.tables import BEGUN, RunEvent, WorkflowRun

MOST_RUNS = 100


def own_run(owner_id: str, id: str) -> WorkflowRun | None:
    query = select(WorkflowRun).join(Chat, Chat.id == WorkflowRun.chat_id)
    return db.session.scalar(query.where(WorkflowRun.id == id, WorkflowRun.owner_id == owner_id, Chat.deleted_at.is_(None)))


def last_run(owner_id: str, slug: str) -> WorkflowRun | None:
    """Returns a person's newest run of a workflow, a trial or not, whose chat isn't in the trash."""
    query = select(WorkflowRun).join(Chat, Chat.id == WorkflowRun.chat_id).where(Chat.deleted_at.is_(None))
    query = query.where(WorkflowRun.owner_id == owner_id, WorkflowRun.slug == slug)
    return db.session.scalar(query.order_by(WorkflowRun.id.desc()).limit(1))


def run_of(chat_id: str) -> WorkflowRun | None:
    return db.session.scalar(select(WorkflowRun).where(WorkflowRun.chat_id == chat_id))


def run_with_plan(plan_id: str) -> WorkflowRun | None:
    """Returns the run whose last plan this is."""
    return db.session.scalar(select(WorkflowRun).where(WorkflowRun.plan_id == plan_id)) if plan_id else None


def slugs_of(chat_ids: Sequence[str]) -> dict[str, str]:
    """Returns the slug of the workflow that leads each of these chats."""
    rows = db.session.execute(select(WorkflowRun.chat_id, WorkflowRun.slug).where(WorkflowRun.chat_id.in_(chat_ids)))
    return {row.chat_id: row.slug for row in rows}


def runs_of(
    owner_id: str, *, slug: str = "", status: str = "", limit: int = MOST_RUNS, before: str = "", with_trials: bool = False
) -> Sequence[WorkflowRun]:
    """Returns a person's runs whose chats are not in the trash, newest first; `open` selects those that have not ended.

    With `slug`, only those of one workflow; with `before`, only runs that were started before that one. What the editor tries is
    among them only `with_trials`.
    """
    # Selects the ids first, because sorting whole rows would read all of their texts.
    query = select(WorkflowRun.id).join(Chat, Chat.id == WorkflowRun.chat_id)
    query = query.where(WorkflowRun.owner_id == owner_id, Chat.deleted_at.is_(None))
    query = query if with_trials else query.where(Chat.is_temporary.is_(False))
    query = query.where(WorkflowRun.slug == slug) if slug else query
    if status == "open":
        query = query.where(WorkflowRun.status.not_in(ENDED))
    elif status:
        query = query.where(WorkflowRun.status == status)
    query = query.where(WorkflowRun.id < before) if before else query
    newest = db.session.scalars(query.order_by(WorkflowRun.id.desc()).limit(limit)).all()
    return db.session.scalars(select(WorkflowRun).where(WorkflowRun.id.in_(newest)).order_by(WorkflowRun.id.desc())).all()


def under_way(slug: str) -> dict[int, int]:
    """Returns how many unfinished runs each version has."""
    query = select(WorkflowRun.version).where(WorkflowRun.slug == slug, WorkflowRun.status.not_in(ENDED))
    counts: dict[int, int] = {}
    for version in db.session.scalars(query):
        counts[version] = counts.get(version, 0) + 1
    return counts


def due() -> Sequence[str]:
    """Returns the ids of the runs in which it is a model's turn."""
    running = db.session.scalars(select(WorkflowRun).where(WorkflowRun.status == "running"))
    return [run.id for run in running if run.is_due]


def events_of(run: WorkflowRun, *, after: int, limit: int) -> Sequence[RunEvent]:
    query = select(RunEvent).where(RunEvent.run_id == run.id, RunEvent.seq > after)
    return db.session.scalars(query.order_by(RunEvent.seq).limit(limit)).all()


def event_of_request(run_id: str, sent_as: str | None) -> RunEvent | None:
    """Returns the event of an earlier request with this hash."""
    query = select(RunEvent).where(RunEvent.run_id == run_id, RunEvent.sent_as == sent_as)
    return db.session.scalar(query.limit(1)) if sent_as else None


def run_of_request(sent_as: str | None) -> WorkflowRun | None:
    """Returns the run that an earlier request with this hash has begun."""
    run_query = select(RunEvent.run_id).where(RunEvent.sent_as == sent_as, BEGUN).scalar_subquery()
    return db.session.scalar(select(WorkflowRun).where(WorkflowRun.id == run_query)) if sent_as else None


def changed_names(run: WorkflowRun) -> set[str]:
    """Returns the names of the answers that the person has changed."""
    query = select(RunEvent.name).where(RunEvent.run_id == run.id, RunEvent.kind == "change", RunEvent.refusal == "")
    return set(db.session.scalars(query.distinct()))


def last_event(run: WorkflowRun, *kinds: str) -> RunEvent | None:
    """Returns the last event of these kinds."""
    query = select(RunEvent).where(RunEvent.run_id == run.id, RunEvent.kind.in_(kinds))
    return db.session.scalar(query.order_by(RunEvent.seq.desc()).limit(1))
