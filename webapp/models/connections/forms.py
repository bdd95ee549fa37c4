"""The forms of connections and models."""

from wtforms import PasswordField, SelectField, StringField

from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.provider_types import KINDS
from webapp.models.connections.service import ConnectionInput
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import PLAIN, Form, options

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


class ConnectionForm(Form):
    name = StringField("Name", default="", render_kw={"required": True, "maxlength": 80, **PLAIN})
    base_url = StringField("Address", default="", description=WITH_PREFIX, render_kw={"maxlength": 300, **PLAIN})
    key = PasswordField(
        "Key",
        default="",
        description="Leave empty if the server needs none.",
        render_kw={"autocomplete": "new-password", "maxlength": 600},
    )
    default_model = StringField("Default model", default="", render_kw={"list": "models", "maxlength": 150, **PLAIN})
    continuation = SelectField(
        "How to continue an answer", choices=options(CONTINUATIONS), default="instruct", validate_choice=False
    )

    reasoning_tags = SelectField(
        "Reasoning tags",
        choices=options(REASONING_TAGS),
        default="auto",
        validate_choice=False,
        description="Some local models send their reasoning inside the answer, between tags such as <think>.",
    )

    @property
    def entered(self) -> ConnectionInput:
        names = ("name", "base_url", "key", "default_model", "continuation", "reasoning_tags")
        return ConnectionInput(**{name: self[name].data or "" for name in names})

    def advanced(self, live: LiveConnection) -> FieldGroup:
        """Returns the folded fields that this connection has."""
        names = ("name" if not live.is_built_in else "", "continuation", "reasoning_tags" if live.kind != "anthropic" else "")
        return FieldGroup("Advanced", [self[name] for name in names if name], is_quiet=True)

    def about(self, live: LiveConnection, model_line: str, starting_model: str) -> "ConnectionForm":
        """Returns the form with the connection's current values, and with labels that match its state."""
        if not self.is_submitted():
            self.name.data, self.base_url.data = live.name, live.base_url
            self.default_model.data, self.continuation.data = live.own_model, live.continuation
            self.reasoning_tags.data = live.reasoning_tags
        if live.key.source != "none":
            self.key.label.text = "New key"
            ending = f" (ends in {live.key.last_four})" if live.key.last_four else ""
            self.key.description = f"Leave empty to keep the current one{ending}."
        self.base_url.description = "Changing the address requires re-entering the key."
        self.default_model.description = model_line or "The model that new chats start with."
        self.default_model.render_kw = {**self.default_model.render_kw, "placeholder": starting_model}
        return self


class NewConnectionForm(ConnectionForm):
    kind = SelectField(
        "API type",
        choices=options({name: kind.title for name, kind in KINDS.items() if name != "openrouter"}),
        default="openai",
        validate_choice=False,
    )
