"""People's own connections as this process knows them: read for one person or one slug, and kept apart from everyone else's."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import SQLAlchemyError

from webapp.base.errors import NotFound
from webapp.models.connections import naming, queries
from webapp.models.connections.effective import LiveConnection, own_connections
from webapp.models.names import name_of
from webapp.models.providers.base import Model
from webapp.people.accounts.permissions import may_by_id
from webapp.settings.service import setting

# Who can have one: none, people with keys for offered servers, or with servers too.
SETTING, OFF, KEYS = "connections.personal", "off", "keys"
FRESH_SECONDS = 1.0
# Of people and of slugs that are remembered: a list of models takes up to a third of a megabyte.
MOST_REMEMBERED = 64
TURNED_OFF = "Connections of your own are turned off. An admin can allow them on the page Models."
DENIED = "Your account doesn't have the permission “Own keys”. Ask an admin."
ONLY_KEYS = "Your admins allow keys of your own for the servers they offer, but no servers of your own."
NOT_OFFERED = "This server isn't offered for keys of your own any more."
log = logging.getLogger("generation:models")


@dataclass(frozen=True)
class OwnModels:
    """A person's own connection and its models, under the ids and the names that its person chooses them by."""

    live: LiveConnection
    by_id: Mapping[str, Model]

    @classmethod
    def from_live(cls, live: LiveConnection) -> "OwnModels":
        models = list(naming.models_of(live, live.contexts))
        names = naming.distinct_names(((live, model) for model in models), (), {})
        return cls(live, {model.id: replace(model, name=_name(live, names[model.id])) for model in models})

    def name_of(self, id: str) -> str:
        """Returns the name of a model, also of one that isn't listed; `id` is as its server or as its person says it."""
        listed = self.by_id.get(id) or self.by_id.get(self.live.prefix + id)
        return listed.name if listed else _name(self.live, name_of(id.removeprefix(self.live.prefix)).text)


def _name(live: LiveConnection, name: str) -> str:
    # With the connection: the team can have the same model, and readers should see that the two are different.
    return f"{name} · {live.name}"


@dataclass
class _Remembered:
    connections: tuple[OwnModels, ...] = ()
    read_at: float = float("-inf")
    has_read: bool = False


@dataclass
class OwnCache:
    """What was read in the last second, by person or by slug; an entry never has what another person or slug is asked for."""

    team: Callable[[], tuple[LiveConnection, ...]]
    _entries: OrderedDict[tuple[str, str], _Remembered] = field(default_factory=OrderedDict)

    def of_person(self, person: str) -> tuple[OwnModels, ...]:
        """Returns all connections of one person, whether they can be used now or not."""
        return self._read(("owner_id", person)) if person else ()

    def named(self, slug: str) -> OwnModels | None:
        """Returns the connection with this slug: what it is, which says nothing of who may use it."""
        return next(iter(self._read(("slug", slug))), None)

    def connection(self, slug: str, person: str) -> LiveConnection:
        """Returns one of a person's own connections, whether it can be used now or not."""
        if models := next((models for models in self.of_person(person) if models.live.slug == slug), None):
            return models.live
        raise NotFound("That connection no longer exists.")

    def usable_by(self, person: str) -> Sequence[OwnModels]:
        """Returns what a person can use of their own; runs no query where that is turned off."""
        if not person or setting(SETTING) == OFF:
            return ()
        mine = self.of_person(person)
        return [models for models in mine if models.live.is_usable and not self.closed_because(models.live)]

    def closed_because(self, live: LiveConnection) -> str:
        """Returns why a person's own connection can't be used by its person now, as admins decide it; empty if it can."""
        if (allowed := setting(SETTING)) == OFF:
            return TURNED_OFF
        if not may_by_id(live.owner_id, "own_keys"):
            return DENIED
        if not live.offered_id:
            return ONLY_KEYS if allowed == KEYS else ""
        server = next((connection for connection in self.team() if connection.id == live.offered_id), None)
        return "" if server and server.is_offered and server.is_enabled else NOT_OFFERED

    def forget(self) -> None:
        """Expires everything, so that the next call sees changes made just now."""
        for entry in self._entries.values():
            entry.read_at = float("-inf")

    def _read(self, key: tuple[str, str]) -> tuple[OwnModels, ...]:
        entry = self._entries.setdefault(key, _Remembered())
        self._entries.move_to_end(key)
        if time.monotonic() - entry.read_at >= FRESH_SECONDS:
            # Set before the query, so that others use what is remembered rather than queue for a slow database; at first,
            # nothing is.
            entry.read_at = time.monotonic() if entry.has_read else entry.read_at
            try:
                before = {models.live.id: models for models in entry.connections}
                rows = queries.own_rows(**{key[0]: key[1]})
                fresh = own_connections(rows, self.team(), [models.live for models in entry.connections])
                entry.connections = tuple(
                    known if (known := before.get(live.id)) and known.live == live else OwnModels.from_live(live)
                    for live in fresh
                )
                entry.read_at, entry.has_read = time.monotonic(), True
            except SQLAlchemyError as error:
                log.warning("own_connections_not_readable", extra={"fields": {"error": type(error).__name__}})
        while len(self._entries) > MOST_REMEMBERED:
            self._entries.popitem(last=False)
        return entry.connections
