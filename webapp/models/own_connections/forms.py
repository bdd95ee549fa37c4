"""The form of a person's own new connection: the team's, for any kind of server or for one that admins offer."""

from functools import cached_property
from typing import Self

from wtforms import HiddenField

from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.forms import NewConnectionForm
from webapp.models.connections.provider_types import KINDS
from webapp.models.own_connections.service import OwnConnectionInput, offered_servers
from webapp.web.forms import options

STORED = "It is stored encrypted, never shown again, and used for your own answers alone."


class NewOwnConnectionForm(NewConnectionForm):
    """A new connection of one's own; `offered` is the slug of the team's connection that it is a key for."""

    takes = OwnConnectionInput
    offered = HiddenField()

    @classmethod
    def for_offered(cls, server: LiveConnection) -> Self:
        return cls.fresh(offered=server.slug, name=server.name, kind=server.kind)

    @property
    def own(self) -> OwnConnectionInput:
        return OwnConnectionInput.entered(self.values)

    @cached_property
    def offered_server(self) -> LiveConnection | None:
        return next((server for server in offered_servers() if server.slug == self.offered.data), None)

    @property
    def sealed_for(self) -> str:
        return f"offered:{self.offered.data}" if self.offered.data else super().sealed_for

    def ready(self) -> Self:
        """Returns the form with all kinds of server, and with what its key field says."""
        self.kind.choices = options({name: kind.title for name, kind in KINDS.items()})
        self.about_key()
        if self.offered_server and not self.sealed_key:
            self.key.render_kw = {**self.key.render_kw, "required": True}
        if not self.sealed_key:
            self.key.description = STORED
        return self
