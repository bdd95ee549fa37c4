"""/api/v1/backups: the copies of every night, what came of the last one, and making one now; for admins."""

from datetime import datetime

from flask import Blueprint
from pydantic import Field

from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.base.db import is_sqlite
from webapp.operations.health import nightly
from webapp.people.accounts.guards import audit_author

bp = Blueprint("api_backups", __name__, url_prefix="/api/v1/backups")


class BackupRunAnswer(Answer):
    """One backup. Without faults there is a copy, whose rows were all compared with those of the database."""

    began: datetime
    ended: datetime
    copy_name: str = Field(description="The file of the copy; empty if there is none.")
    faults: list[str]
    warnings: list[str] = Field(description="What is wrong with the data that it holds, such as files that are missing.")
    tables: int
    rows: int
    bytes: int
    files: int
    file_bytes: int
    restore_seconds: float
    share: float = Field(description="The part of one core that it used, on average.")


class BackupCopyAnswer(Answer):
    """A copy that is kept."""

    name: str
    made_at: datetime
    bytes: int = Field(description="Of the database, without files.")
    trouble: str = Field(description="Why it can't be restored; empty if nothing was found.")


class BackupsAnswer(Answer):
    is_here: bool = Field(description="Whether Millrace makes backups: not with PostgreSQL.")
    running_since: datetime | None
    problems: list[str]
    last: BackupRunAnswer | None
    copies: list[BackupCopyAnswer] = Field(description="Newest first.")


@bp.get("")
@operation("List the nightly backups, and what came of the last one", scope="admin", answer=BackupsAnswer)
def index() -> BackupsAnswer:
    return _answer()


@bp.post("")
@operation("Make a backup now, in the background", scope="admin", answer=BackupsAnswer, status=202, errors=(409, 422))
def create() -> BackupsAnswer:
    nightly.ask(author=audit_author())
    return _answer()


def _answer() -> BackupsAnswer:
    past = nightly.runs()
    return BackupsAnswer(
        is_here=is_sqlite(),
        running_since=nightly.running_since(),
        problems=nightly.problems(),
        last=BackupRunAnswer.of(past[-1], copy_name=past[-1].copy) if past else None,
        copies=[BackupCopyAnswer.of(copy) for copy in nightly.copies()],
    )
