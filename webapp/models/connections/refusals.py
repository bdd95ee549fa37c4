"""Records that a server refuses a key during generation, only once until it accepts one again."""

import logging

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import NO_PATIENCE, utc_now, write
from webapp.base.errors import Unavailable
from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.service import row_of

# Not the server's own message, which can quote what a person has written.
SENTENCES = {
    "auth": "{name} rejected the key{tail}.",
    "credit": "{name} has no credit left for the key{tail}. Add credit at your provider.",
}
ACTIONS = {"auth": "rejected a key", "credit": "has no credit left"}
log = logging.getLogger("settings")


def refused(live: LiveConnection, code: str) -> None:
    """Records that the server refused the key, for `auth` or for `credit`; repeats are ignored."""
    tail = f" that ends in {live.key.last_four}" if live.key.last_four else ""
    words = SENTENCES[code] if live.key.source != "none" or code != "auth" else "{name} requires a key."
    _store(live, words.format(name=live.name, tail=tail), code)


def accepted(live: LiveConnection) -> None:
    """Records that the server accepted a key after refusing one."""
    _store(live, f"{live.name} is responding again.", "")


def _store(live: LiveConnection, words: str, code: str) -> None:
    try:
        with write(patience_seconds=NO_PATIENCE) as session:
            row = row_of(session, live.slug)
            # Another answer can have recorded it first.
            if bool(code) is (row.refused_at is None):
                row.is_working, row.check_result, row.checked_at = not code, words[:300], utc_now()
                row.refused_at, row.refused_for = row.checked_at if code else None, code
                if code:
                    _note(session, live, ACTIONS[code], words)
    except (Unavailable, OperationalError) as error:
        # The next answer records it.
        log.warning("refusal_not_recorded", extra={"fields": {"connection": live.slug, "error": type(error).__name__}})


def _note(session: Session, live: LiveConnection, action: str, words: str) -> None:
    audit.add(session, action, actor=live.name, object_kind="connection", object_id=live.slug, detail=words)
