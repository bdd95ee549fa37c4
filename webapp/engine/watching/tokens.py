"""CSRF tokens in HTML that is rendered once for pages of several sessions: each page gets its own token."""

import secrets
from weakref import WeakKeyDictionary

from flask_wtf.csrf import generate_csrf

from webapp.engine.watching.watchers import Context

# A random placeholder, so that no one can write it into a text.
PLACE = f"token-{secrets.token_hex(16)}"
# The tokens of open pages; each is valid as long as its session, and is removed with its page.
_known: WeakKeyDictionary[Context, str] = WeakKeyDictionary()


def without_token(html: str) -> str:
    """Replaces the CSRF token of the current request by a placeholder."""
    return html.replace(generate_csrf(), PLACE) if "csrf_token" in html else html


def with_token(html: str, context: Context) -> str:
    """Replaces the placeholder by the token of the page's session, cached because a request context takes time to create."""
    if PLACE not in html:
        return html
    if context not in _known:
        with context():
            _known[context] = generate_csrf()
    return html.replace(PLACE, _known[context])
