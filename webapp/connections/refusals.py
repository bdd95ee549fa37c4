"""Records that a server refuses a key during generation, only once until it accepts one again."""

import logging

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.accounts import audit
from webapp.connections.effective import LiveConnection
from webapp.connections.service import row_of
from webapp.connections.tables import Connection
from webapp.db import NO_PATIENCE, utc_now, write
from webapp.errors import Unavailable

# Not the server's own message, which can quote what a person has written.
SENTENCES = {"auth": "{name} rejected the key{tail}.", "credit": "{name} has no credit left for the key{tail}."}
log = logging.getLogger("settings")


def refused(live: LiveConnection, code: str) -> None:
    """Records that the server refused the key, for `auth` or for `credit`; repeats are ignored."""
    tail = f" that ends in {live.key.last_four}" if live.key.last_four else ""
    words = SENTENCES[code] if live.key.source != "none" or code != "auth" else "{name} requires a key."
    _store(live, words.format(name=live.name, tail=tail), is_refused=True)


def accepted(live: LiveConnection) -> None:
    """Records that the server accepted a key after refusing one."""
    _store(live, f"{live.name} is responding again.", is_refused=False)


def _store(live: LiveConnection, words: str, *, is_refused: bool) -> None:
    try:
        with write(patience_seconds=NO_PATIENCE) as session:
            row = row_of(session, live.slug)
            # Another answer can have recorded it first.
            if is_refused is (row.refused_at is None):
                _set_result(row, words, is_refused)
                if is_refused:
                    _note(session, live, words)
    except (Unavailable, OperationalError) as error:
        # The next answer records it.
        log.warning("refusal_not_recorded", extra={"fields": {"connection": live.slug, "error": type(error).__name__}})


def _set_result(row: Connection, words: str, is_refused: bool) -> None:
    row.is_working, row.check_result, row.checked_at = not is_refused, words[:300], utc_now()
    row.refused_at = row.checked_at if is_refused else None


def _note(session: Session, live: LiveConnection, words: str) -> None:
    audit.add(session, "rejected a key", actor=live.name, object_kind="connection", object_id=live.slug, detail=words)
