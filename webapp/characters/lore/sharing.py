"""Shares lorebooks with people, groups or everyone on the team, to read and use them."""

from webapp.base.db import write
from webapp.base.errors import Conflict
from webapp.characters.lore.queries import KIND
from webapp.characters.lore.service import refuse_unless_owner
from webapp.characters.lore.tables import Lorebook
from webapp.people.accounts.tables import User
from webapp.people.grants import shares

WORD, RIGHT = "lorebook", "read"


def share(row: Lorebook, to: str, to_id: str, *, by: User, address: str = "") -> None:
    """Grants read access to `everyone`, a `user` or a `group`; chats can use the lorebook from their next answer."""
    refuse_unless_owner(row, by)
    shares.refuse_guests(WORD, by)
    shares.refuse_unfit(WORD, row.owner_id, to, to_id)
    id = row.id
    with write() as session:
        if session.get_one(Lorebook, id).deleted_at:
            raise Conflict("This lorebook has just been deleted.")
        shares.share(session, WORD, KIND, id, RIGHT, to=to, to_id=to_id, by=by, address=address)


def unshare(row: Lorebook, grant_id: str, *, by: User, address: str = "") -> None:
    """Revokes a grant; chats that used the lorebook through it continue without it."""
    refuse_unless_owner(row, by)
    id = row.id
    with write() as session:
        shares.unshare(session, WORD, KIND, id, grant_id, by=by, address=address)
