"""Collections for the files of projects: each belongs to one project, is deleted with it, and has its rights."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.knowledge.tables import Collection, Document
from webapp.knowledge.trash import LONG_AGO

ABOUT = "Files of a project. Everyone in the project can see them, and they're deleted with it."
NAME_CHARS = 100


def collection_of(project_id: str) -> Collection | None:
    """Returns the collection with the files of a project; None before the first one."""
    query = select(Collection).where(Collection.project_id == project_id, Collection.deleted_at.is_(None))
    return db.session.scalar(query)


def ids_of(project_ids: Iterable[str]) -> dict[str, str]:
    """Returns the ids of the collections of these projects, by project; without a project there is no query."""
    if not (wanted := set(project_ids)):
        return {}
    query = select(Collection.project_id, Collection.id)
    query = query.where(Collection.project_id.in_(wanted), Collection.deleted_at.is_(None))
    return {project_id or "": id for project_id, id in db.session.execute(query)}


def collection_for(project_id: str, owner_id: str, name: str) -> Collection:
    """Returns the collection with the files of a project, and creates it before the first one."""
    if collection := collection_of(project_id):
        return collection
    try:
        with write() as session:
            session.add(Collection(owner_id=owner_id, project_id=project_id, name=_name(name), about=ABOUT))
    except IntegrityError:
        # Two people have added the first file simultaneously.
        db.session.rollback()
    return db.session.scalars(select(Collection).where(Collection.project_id == project_id)).one()


def rename(session: Session, project_id: str, name: str) -> None:
    _change(session, Collection.project_id == project_id, name=_name(name))


def hide(session: Session, project_id: str) -> None:
    """Hides the files of a project from searches while it is in the trash."""
    _change(session, Collection.project_id == project_id, deleted_at=utc_now())


def show(session: Session, project_id: str) -> None:
    _change(session, Collection.project_id == project_id, deleted_at=None)


def mark_for_deletion(session: Session, project_ids: Sequence[str]) -> None:
    """Marks the files of these projects to be deleted the next time the trash is emptied, whatever its retention period."""
    _change(session, Collection.project_id.in_(project_ids), deleted_at=LONG_AGO)


def count(session: Session, project_id: str) -> int:
    """Returns how many files a project has, also in the trash."""
    ids = select(Collection.id).where(Collection.project_id == project_id)
    return session.scalar(select(func.count(Document.id)).where(Document.collection_id.in_(ids))) or 0


def _name(name: str) -> str:
    return f"Files of {name}"[:NAME_CHARS]


def _change(session: Session, condition: ColumnElement[bool], **values: object) -> None:
    statement = update(Collection).where(condition).values(**values)
    session.execute(statement.execution_options(synchronize_session=False))
