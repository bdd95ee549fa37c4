"""The forms of connections and models."""

from wtforms import PasswordField, SelectField, StringField

from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.own_names import ModelNameInput
from webapp.models.connections.provider_types import KINDS
from webapp.models.connections.service import ConnectionInput
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
        return FieldGroup("Advanced", [self[name] for name in names if name], is_quiet=True)

    def about(self, live: LiveConnection, model_line: str, starting_model: str) -> "ConnectionForm":
        """Returns the form with the connection's current values, and with labels that match its state."""
        if not self.is_submitted():
            self.process(data=ConnectionInput.present(live))
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


class ModelNameForm(InputForm[ModelNameInput]):
    takes = ModelNameInput
    name = StringField("Name", description="The name that is shown everywhere. Leave empty for its usual name.", render_kw=PLAIN)
