"""Which projects a person has unfolded in the sidebar, on all their devices."""

from sqlalchemy import delete, select

from webapp.base.changes import notify_person
from webapp.base.db import db, write
from webapp.chat.record import projects
from webapp.chat.record.tables import Chat, Project, UnfoldedProject
from webapp.people.accounts.tables import User

# Unfolding one more folds the one that was unfolded first, so that a page stays short.
MOST_UNFOLDED = 8


def fold(person_id: str, project_id: str, *, is_unfolded: bool) -> None:
    """Remembers whether a person sees the chats of a project in the sidebar."""
    own = UnfoldedProject.user_id == person_id
    latest = select(UnfoldedProject.project_id).where(own).order_by(UnfoldedProject.unfolded_at.desc()).limit(MOST_UNFOLDED)
    with write() as session:
        session.execute(delete(UnfoldedProject).where(own, UnfoldedProject.project_id == project_id))
        if is_unfolded:
            session.add(UnfoldedProject(user_id=person_id, project_id=project_id))
            session.flush()
            session.execute(delete(UnfoldedProject).where(own, UnfoldedProject.project_id.not_in(session.scalars(latest).all())))
    notify_person(person_id, "project", project_id)


def unfold_around(chat: Chat, user: User) -> None:
    """Unfolds the project of a chat that a person has opened, if they see it; without a project there is no query."""
    if not chat.project_id:
        return
    own = select(UnfoldedProject.project_id).where(UnfoldedProject.user_id == user.id)
    is_folded = Project.id == chat.project_id, projects.sees_project(user), Project.id.not_in(own)
    if db.session.scalar(select(Project.id).where(*is_folded)):
        fold(user.id, chat.project_id, is_unfolded=True)
