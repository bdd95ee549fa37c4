"""Remedies for failed answers: advice for everyone, and a link to the connection for admins."""

from dataclasses import dataclass

from flask import url_for

from webapp.engine.tables import Generation
from webapp.models.connections.models import providers

# How a generation ended whose server was never reached.
CONNECTION = "connection"
NEXT = {
    "auth": "An admin can check the key{}.",
    CONNECTION: "An admin can check the connection.",
    "credit": "Add credit at your provider.",
    "rate": "Wait a moment, then try again.",
}
BY_ADMINS = {CONNECTION: "Open the connection {}", "auth": "Check the key of {}", "credit": "Add credit at your provider."}


@dataclass(frozen=True, slots=True)
class Remedy:
    """Advice in both wordings: pages are rendered once for all viewers, and the style sheet selects the wording."""

    words: str
    url: str = ""
    by_admins: str = ""


def remedy(generation: Generation) -> Remedy:
    """Returns the advice for how a generation ended; empty if there is nothing to do."""
    reason, model = generation.reason or "", generation.model_asked
    if generation.attempts:
        model = generation.attempts[-1].get("model", model)
    reason = CONNECTION if is_of_connection(generation) else reason
    slug = providers().connection_of(model)
    live = next((each for each in providers().connections() if each.slug == slug), None)
    words = NEXT.get(reason, "").format(f" of {live.name}" if live else "")
    if live is None or reason not in BY_ADMINS:
        return Remedy(words)
    return Remedy(words, url_for("connections.edit", slug=slug), BY_ADMINS[reason].format(live.name))


def is_of_connection(generation: Generation) -> bool:
    """Returns whether it failed because the server was never reached."""
    attempts = generation.attempts
    return generation.status == "failed" and bool(attempts) and bool(attempts[-1].get("of_connection"))
