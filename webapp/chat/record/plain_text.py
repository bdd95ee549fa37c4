"""Messages as text without markup."""

from webapp.base.heavy.threads import offload
from webapp.rendering.text import plain

LONG_CHARS = 20_000


def words_alone(text: str) -> str:
    """Returns a text without markup; a long one is processed in a real thread, so as not to block other greenlets."""
    return offload(plain, text) if len(text) > LONG_CHARS else plain(text)
