"""The forms of connections and models."""

from contextlib import suppress
from functools import cached_property
from typing import Any, Self

from wtforms import HiddenField, PasswordField, SelectField, StringField

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.models.connections import keys
from webapp.models.connections.contexts import ModelInput
from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.provider_types import KINDS
from webapp.models.connections.service import ConnectionInput
from webapp.models.connections.shown import model_line
from webapp.models.connections.usual_servers import BY_SLUG, UsualServer
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import PLAIN, InputForm, options

WITH_PREFIX = "With its path, for example http://192.168.1.20:8000/v1. Leave empty to use the provider's own."
CONTINUATIONS = {
    "instruct": "Ask it to continue (works with every model)",
    "prefill": "Prefill with its own text",
    "prefix": "Prefill with its own text, marked as a prefix",
}
REASONING_TAGS = {
    "auto": "Show as reasoning",
    "open": "Show as reasoning, opening tag missing",
    "off": "Leave in the answer",
}


class ConnectionForm(InputForm[ConnectionInput]):
    takes = ConnectionInput
    name = StringField("Name", render_kw=PLAIN)
    base_url = StringField("Address", description=WITH_PREFIX, render_kw=PLAIN)
    key = PasswordField(
        "Key",
        description="Leave empty if the server needs none.",
        render_kw={"autocomplete": "new-password", "maxlength": 600},
    )
    default_model = StringField("Default model", render_kw={"list": "models", **PLAIN})
    continuation = SelectField("How to continue an answer", choices=options(CONTINUATIONS))
    reasoning_tags = SelectField(
        "Reasoning tags",
        choices=options(REASONING_TAGS),
        description="Some local models send their reasoning inside the answer, between tags such as <think>.",
    )

    def advanced(self, live: LiveConnection) -> FieldGroup:
        """Returns the folded fields that this connection has."""
        names = ("name" if not live.is_built_in else "", "continuation", "reasoning_tags" if live.kind != "anthropic" else "")
        return FieldGroup(_("Advanced"), [self[name] for name in names if name], is_quiet=True)

    def about(self, live: LiveConnection, starting_model: str) -> "ConnectionForm":
        """Returns the form with the connection's current values, and with labels that match its state."""
        listed_model = next((model for model in live.models if model.id == starting_model), None)
        if not self.is_submitted():
            self.process(data=ConnectionInput.present(live))
        if live.key.source != "none":
            self.key.label.text = _("New key")
            self.key.description = _("Leave empty to keep the current one.")
            if last_four := live.key.last_four:
                self.key.description = _("Leave empty to keep the current one (ends in %(characters)s).", characters=last_four)
        self.base_url.description = _("Changing the address requires re-entering the key.")
        about_default = (listed_model and model_line(listed_model)) or _("The model that new chats start with.")
        self.default_model.description = about_default
        self.default_model.render_kw = {**self.default_model.render_kw, "placeholder": starting_model}
        return self


class NewConnectionForm(ConnectionForm):
    """A new connection; `server` is the usual server that was chosen, and `sealed` the key that was entered before."""

    server, sealed = HiddenField(), HiddenField()
    kind = SelectField(
        "Server type",
        choices=options({name: kind.title for name, kind in KINDS.items() if name != "openrouter"}),
        default="openai",
        validate_choice=False,
    )

    @classmethod
    def starting(cls, usual: UsualServer | None) -> Self:
        if not usual:
            return cls.fresh()
        return cls.fresh(server=usual.slug, name=usual.name, kind=usual.kind, base_url=usual.base_url)

    @property
    def usual(self) -> UsualServer | None:
        return BY_SLUG.get(self.server.data or "")

    @property
    def values(self) -> dict[str, Any]:
        values = super().values
        return values | {"key": values.get("key") or self._sealed_key()}

    @property
    def sealed_for(self) -> str:
        """The server that an entered key is for."""
        return self.base_url.data or ""

    @cached_property
    def sealed_key(self) -> str:
        """The key that was entered, encrypted for the page that asks again: a key is never sent back in clear."""
        with suppress(Invalid):
            if key := keys.checked(self.key.data or "") or self._sealed_key():
                return keys.sealed(key, self.sealed_for)
        return ""

    @property
    def rest(self) -> FieldGroup:
        """The fields of a usual server that are filled in already, or can stay empty."""
        needs_key = self.usual and self.usual.needs_key
        return FieldGroup(_("More"), [self[name] for name in ("name", "kind", "base_url" if needs_key else "key")], is_quiet=True)

    def about_key(self) -> "NewConnectionForm":
        """Returns the form with what its key field says, which depends on the server and on what was entered before."""
        needs_key = self.usual and self.usual.needs_key
        if self.sealed_key:
            self.key.description = _("Leave empty to use the key you just entered.")
        elif needs_key:
            self.key.description = ""
            self.key.render_kw = {**self.key.render_kw, "required": True}
        if self.usual and not needs_key:
            self.base_url.description = _("Its usual address. Change it if yours is different.")
        return self

    def _sealed_key(self) -> str:
        return keys.unsealed(self.sealed.data, self.sealed_for) if self.sealed.data else ""


class ModelForm(InputForm[ModelInput]):
    takes = ModelInput
    name = StringField("Name", description="The name shown everywhere. Leave empty for its default name.", render_kw=PLAIN)
    context_length = StringField(
        "Context length in tokens",
        description="Leave empty to use what its server reports.",
        render_kw={"inputmode": "numeric", "autocomplete": "off", "maxlength": 9},
    )
