"""The connections as this process knows them, and which of them a model is of."""

import logging
import time
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from webapp.base.current import PerApp
from webapp.base.errors import NotFound
from webapp.models.connections import naming, own
from webapp.models.connections.effective import LiveConnection, is_own, live_connections
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.listing import named_in_settings

# Before the first successful query.
UNKNOWN = LiveConnection(BUILT_IN, BUILT_IN, "", BUILT_IN, "")
log = logging.getLogger("generation:models")


class Connections:
    """The team's connections, read again when they are a second old, and people's own, which are read apart from them.

    `named` are the models that settings name. What a model of a person's own connection is like can be asked by its id, but only
    with that person does `Providers` let it answer, so no request of another person is sent with their key.
    """

    def __init__(self) -> None:
        self.own = own.OwnCache(self.team)
        self.named: frozenset[str] = frozenset()
        self._team: tuple[LiveConnection, ...] = ()
        self._read_at, self._has_read = float("-inf"), False

    def team(self) -> tuple[LiveConnection, ...]:
        """Returns every connection of the team, the built-in one first; changes by any process are visible within a second."""
        if time.monotonic() - self._read_at >= own.FRESH_SECONDS:
            # Set before the query, so that other requests use the cache rather than queue for a slow database; the first query
            # has no cache to offer.
            if self._has_read:
                self._read_at = time.monotonic()
            try:
                team, named = live_connections(self._team), frozenset(named_in_settings())
                # Keeps the same objects if nothing changed, and with them what is cached for them.
                self._team = self._team if team == self._team else team
                self.named = self.named if named == self.named else named
            except SQLAlchemyError as error:
                log.warning("connections_not_readable", extra={"fields": {"error": type(error).__name__}})
            if not self._has_read:
                self._read_at, self._has_read = time.monotonic(), True
        return self._team

    def forget(self) -> None:
        """Expires the cache, so that the next call sees changes made just now."""
        self._read_at = float("-inf")
        self.own.forget()

    def usable(self) -> Sequence[LiveConnection]:
        """Returns the team's connections whose models are offered."""
        return [connection for connection in self.team() if connection.is_usable]

    def built_in(self) -> LiveConnection:
        """Returns the built-in connection, which also has what admins say of the models of all."""
        return next(iter(self.team()), UNKNOWN)

    def connection(self, slug: str) -> LiveConnection:
        """Returns a connection of the team."""
        if connection := next((live for live in self.team() if live.slug == slug), None):
            return connection
        raise NotFound("That connection no longer exists.")

    def found(self, model: str) -> tuple[LiveConnection, str] | None:
        """Returns a model's connection, and its name there; None if that was deleted. It doesn't look whether that lists it."""
        if is_own(model):
            slug, _, name = model.partition(":")
            models = self.own.named(slug)
            return (models.live, name) if models else None
        return naming.found(model, self.team())

    def of_model(self, model: str) -> LiveConnection | None:
        """Returns the connection of a model; None for the demo, and for a deleted one."""
        provided = None if model.startswith(naming.DEMO) else self.found(model)
        return provided[0] if provided else None

    def of_unlisted(self, model: str) -> LiveConnection | None:
        """Returns the team's connection that is asked for a model whether it lists it or not, such as one of pictures."""
        provided = naming.found(model, self.team())
        return provided[0] if provided and provided[0].is_usable and provided[1] else None

    def slug_of(self, model: str) -> str:
        """Returns the slug of the model's connection; empty if there is none."""
        connection = self.of_model(model)
        return "demo" if model.startswith(naming.DEMO) else connection.slug if connection else ""

    def is_priced(self, slug: str) -> bool:
        """Returns whether a connection costs money: its server lists prices, or is known to charge without listing any."""
        models = self.own.named(slug) if is_own(slug) else None
        connection = models.live if models else next((live for live in self.team() if live.slug == slug), None)
        return not connection or connection.kind != "openai" or any(model.prompt_price for model in connection.models)


CONNECTIONS = PerApp(Connections)


def the_connections() -> Connections:
    """Returns the connections of the current application."""
    return CONNECTIONS.get()
