"""Form tokens in what is drawn once for the pages of several sessions: each page gets its own."""

import secrets
from weakref import WeakKeyDictionary

from flask_wtf.csrf import generate_csrf

from webapp.live.watchers import Context

# Nobody can write it into a text.
PLACE = f"token-{secrets.token_hex(16)}"
# Of the pages that are open; it is good for as long as their session, and gone with them.
_known: WeakKeyDictionary[Context, str] = WeakKeyDictionary()


def left_out(html: str) -> str:
    """The same without the token of whoever it was drawn for, in whose request this is called."""
    return html.replace(generate_csrf(), PLACE) if "csrf_token" in html else html


def put_in(html: str, context: Context) -> str:
    """The same with the token of one's own session, which is asked for once: to make a request for it takes a while."""
    if PLACE not in html:
        return html
    if context not in _known:
        with context():
            _known[context] = generate_csrf()
    return html.replace(PLACE, _known[context])
