"""A person's favorite and recently chosen models."""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid
from webapp.models.connections.tables import ModelMark
from webapp.people.accounts.tables import User

MOST_FAVORITES, MOST_RECENT = 100, 5


@dataclass(frozen=True, slots=True)
class Marks:
    """Names of models: favorites in alphabetical order, recent ones with the last chosen first."""

    favorites: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()


def for_person(user_id: str) -> Marks:
    """Returns a person's favorite and recent models."""
    rows = db.session.scalars(select(ModelMark).where(ModelMark.user_id == user_id)).all()
    chosen = sorted((row.used_at, row.model) for row in rows if row.used_at)
    return Marks(tuple(sorted(row.model for row in rows if row.is_favorite)), tuple(model for _, model in reversed(chosen)))


def preferred_model(user: User) -> str:
    """Returns the preferred model for a person's next chat: their setting, else the last chosen one, or an empty string."""
    return user.default_model or next(iter(for_person(user.id).recent), "")


def star(user_id: str, model: str, *, is_favorite: bool) -> None:
    """Adds a model to this person's favorites, or removes it."""
    if is_favorite and len(for_person(user_id).favorites) >= MOST_FAVORITES:
        raise Invalid(f"You can have up to {MOST_FAVORITES} favorite models.")
    _mark(user_id, model, is_favorite=is_favorite)


def choose(user_id: str, model: str) -> None:
    """Records that this person has chosen a model; only the last few are kept."""
    _mark(user_id, model, used_at=utc_now())


def _mark(user_id: str, model: str, **values: object) -> None:
    try:
        with write() as session:
            row = session.get(ModelMark, (user_id, model)) or ModelMark(user_id=user_id, model=model, is_favorite=False)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)
            session.flush()
            _forget_old(session, user_id)
    except IntegrityError as error:
        raise Conflict("Your models have just changed elsewhere. Please try again.") from error


def _forget_old(session: Session, user_id: str) -> None:
    own = ModelMark.user_id == user_id
    query = select(ModelMark).where(own, ModelMark.used_at.is_not(None)).order_by(ModelMark.used_at.desc())
    for row in session.scalars(query.offset(MOST_RECENT)):
        row.used_at = None
    session.flush()
    session.execute(delete(ModelMark).where(own, ModelMark.used_at.is_(None), ModelMark.is_favorite.is_(False)))
