"""The forms of tool servers."""

import json
from contextlib import suppress
from functools import cached_property
from typing import Any

from wtforms import BooleanField, HiddenField, PasswordField, SelectField, StringField, TextAreaField

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.models.connections import keys as connection_keys
from webapp.tools.servers import keys
from webapp.tools.servers.service import ToolServerInput
from webapp.tools.servers.tables import ToolServer
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import PLAIN, Form, InputForm, options

SIGN_INS = {
    "none": "None",
    "bearer": "With a token, the same for everyone",
    "oauth": "Each person signs in (OAuth)",
}


class ToolServerForm(InputForm[ToolServerInput]):
    """`sealed` is the token that was entered before, encrypted: a token is never sent back in clear."""

    takes = ToolServerInput
    sealed = HiddenField()
    name = StringField("Name", description="Shown to models and people, such as GitHub.", render_kw=PLAIN)
    url = StringField("Address", render_kw={**PLAIN, "placeholder": "https://mcp.example.com/mcp", "inputmode": "url"})
    sign_in = SelectField("Sign-in", choices=options(SIGN_INS))
    token = PasswordField("Token", render_kw={"autocomplete": "new-password"})
    headers = TextAreaField(
        "Headers",
        description="Sent with each request, if the server needs them. One per line, as “Name: value”.",
        render_kw={"rows": 3, **PLAIN},
    )
    client_id = StringField("Client ID", description="For OAuth, if the server doesn't register clients itself.", render_kw=PLAIN)
    issuer = StringField(
        "Authorization server", description="Required with a client ID: the server that issued it.", render_kw=PLAIN
    )
    client_secret = PasswordField("Client secret", render_kw={"autocomplete": "new-password"})
    forgets_headers = BooleanField("Delete the stored headers")

    @classmethod
    def about(cls, server: ToolServer, names: list[str]) -> "ToolServerForm":
        """Returns the form with what a server has now; of secrets, it says only that there are some."""
        return cls.fresh(name=server.name, url=server.address, sign_in=server.sign_in).with_stored(server, names)

    def with_stored(self, server: ToolServer, names: list[str]) -> "ToolServerForm":
        self.url.description = "Another address is another server: its tools are accepted again."
        if server.sign_in == "bearer":
            self.token.description = "Leave empty to keep the stored one."
        if names:
            self.headers.description = f"Stored: {', '.join(names)}. Leave empty to keep them, or enter all of them again."
        else:
            del self.forgets_headers
        return self

    @property
    def values(self) -> dict[str, Any]:
        values = super().values
        text = (self.headers.data or "").strip()
        does_forget = "forgets_headers" in self and self.forgets_headers.data
        values["headers"] = keys.headers_in(text) if text else {} if does_forget else None
        return values | {"token": values.get("token") or self._sealed_token()}

    @cached_property
    def sealed_token(self) -> str:
        """The entered token, encrypted for the page that asks again."""
        with suppress(Invalid):
            if token := keys.checked_token(self.token.data or "") or self._sealed_token():
                return connection_keys.sealed(token, self.url.data or "")
        return ""

    @property
    def more(self) -> FieldGroup:
        """The folded fields; without the secret of a client, as their summary repeats what is entered."""
        names = [name for name in ("headers", "forgets_headers", "client_id", "issuer") if name in self]
        return FieldGroup(_("More"), [self[name] for name in names], is_quiet=True)

    def _sealed_token(self) -> str:
        return connection_keys.unsealed(self.sealed.data, self.url.data or "") if self.sealed.data else ""


class ToolTestForm(Form):
    """Calls one tool, to see whether its server works."""

    tool = SelectField("Tool", id="test-tool", validate_choice=False)
    arguments = TextAreaField("Arguments, as JSON", id="test-arguments", default="{}", render_kw={"rows": 4, **PLAIN})

    def offering(self, tools: dict[str, str]) -> "ToolTestForm":
        self.tool.choices = options(tools)
        return self

    @property
    def entered(self) -> tuple[str, dict[str, Any]]:
        try:
            arguments = json.loads(self.arguments.data or "{}")
        except (ValueError, RecursionError) as error:
            raise Invalid("That isn't JSON.", field="arguments") from error
        if not isinstance(arguments, dict):
            raise Invalid("Arguments are a JSON object, such as {}.", field="arguments")
        return self.tool.data or "", arguments
