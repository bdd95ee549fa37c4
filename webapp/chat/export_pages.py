"""A chat as one page to keep: with its style in it, without a script, and asking nobody for anything."""

from base64 import b64encode
from functools import cache
from hashlib import sha256

from flask import render_template
from markupsafe import Markup

from webapp.chat import queries, shown
from webapp.chat.tables import Chat
from webapp.config import ROOT
from webapp.extensions import utc_now
from webapp.generations.engine import the_engine

SHEETS = ("tokens", "text", "export")


def kept_page(chat: Chat, right: str) -> str:
    """The branch that the chat shows, for somebody with this right.

    Opened from a disk it may run nothing and load nothing, by its own policy.
    """
    style, policy = _style()
    thread = shown.thread(the_engine(), queries.thread(chat), right)
    return render_template("chat/export.html", chat=chat, thread=thread, style=style, policy=policy, now=utc_now())


@cache
def _style() -> tuple[Markup, str]:
    """Our own sheets as an element, and the policy that admits this style alone."""
    css = "\n".join((ROOT / f"static/css/{name}.css").read_text("utf-8") for name in SHEETS)
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return Markup("<style>{}</style>").format(Markup(css)), policy
