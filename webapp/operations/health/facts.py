"""The health of this installation, for both the health page and `flask check`."""

from collections.abc import Iterator

from webapp.base.current import the_config
from webapp.base.database.state import trouble_with_database
from webapp.base.db import utc_now
from webapp.engine.engine import the_engine
from webapp.models.connections import listing
from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.models import providers
from webapp.operations.health import database_facts, server_facts
from webapp.settings.secrets.keyring import Keyring, keyring
from webapp.web.feature import brought
from webapp.web.filters import ago, plural
from webapp.web.health_facts import Chapter, Fact, MoreFacts

UNREADABLE = "{} can't be read with it: enter those keys again under Admin, Connections."
# What helps a connection that is refused, by the reason.
REMEDIES = {
    "auth": "Enter a new key under Admin, Connections, then test it.",
    "credit": "Once there is credit, test it under Admin, Connections.",
}


def chapters(*, is_thorough: bool = False) -> list[Chapter]:
    """Returns every fact that doesn't depend on a request; if the database is down, only those that need none.

    `is_thorough` reads the whole database, which takes a while.
    """
    config = the_config()
    server = Chapter("Server", [*server_facts.redis(the_engine()), *server_facts.all_of(config)])
    if trouble := trouble_with_database(names_reason=True):
        return [Chapter("Database", [Fact(database_facts.kind(), trouble, "bad")]), server]
    return [
        Chapter("Database", [*database_facts.all_of(), *(database_facts.soundness() if is_thorough else ())]),
        Chapter("Models", [fact for each in providers().connections() for fact in _of_connection(each)]),
        *(more.chapter() for more in brought(MoreFacts)),
        Chapter("Safety", [server_facts.address(config), key(keyring()), database_facts.backups(config)]),
        server,
    ]


def _of_connection(live: LiveConnection) -> Iterator[Fact]:
    yield connection(live)
    if live.left_out:
        yield Fact(f"Models of {live.name}", listing.left_out_text(live.left_out), "warn", listing.HINT)


def connection(live: LiveConnection) -> Fact:
    """Returns the state of a connection at its last check."""
    if not live.is_enabled:
        return Fact(live.name, "Turned off.")
    if live.key.trouble:
        return Fact(live.name, live.key.trouble, "bad")
    if not live.is_usable:
        return Fact(live.name, "No key.", hint="Enter one under Admin, Connections.")
    if live.is_working is None or live.checked_at is None:
        return Fact(live.name, "Not tested yet.")
    if live.refused_at:
        words = f"{live.check_result} First refused {ago(live.refused_at, utc_now())}."
        return Fact(live.name, words, "bad", REMEDIES.get(live.refused_for, ""))
    words = f"{live.check_result} Tested {ago(live.checked_at, utc_now())}."
    return Fact(live.name, words, "ok" if live.is_working else "bad")


def key(ring: Keyring) -> Fact:
    """Returns which key encrypts the secrets, and whether a change of the key is unfinished."""
    place = f"stored in {ring.file}" if ring.file else "set in the environment"
    words = f"{ring.current}, {place}; {plural(len(ring.secrets), 'stored secret')}."
    if ring.lost:
        return Fact("Encryption key", words, "bad", UNREADABLE.format(plural(len(ring.lost), "secret")))
    if ring.older:
        return Fact("Encryption key", words, "warn", "A key change is in progress: finish it under Admin, Keys.")
    return Fact("Encryption key", words, "ok")
