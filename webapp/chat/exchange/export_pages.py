"""A chat exported as one HTML page: styles and pictures inlined, no scripts, no external requests."""

from base64 import b64encode
from functools import cache, partial
from hashlib import sha256

from flask import current_app
from markupsafe import Markup

from webapp.accounts.tables import User
from webapp.chat import queries
from webapp.chat.exchange.export import cited_lines
from webapp.chat.exchange.export_pictures import with_pictures
from webapp.chat.page import renderings, shown
from webapp.chat.page.shown import ShownMessage
from webapp.chat.tables import Chat
from webapp.config import ROOT
from webapp.db import utc_now
from webapp.engine.engine import the_engine
from webapp.heavy.turns import by_turns
from webapp.rendering.notes import as_written

BATCH = 60
SHEETS = ("tokens", "text", "export")


def kept_page(chat: Chat, right: str, reader: User | None) -> str:
    """The branch that the chat shows, for somebody with this right, with the sources that this reader may see.

    Opened from a disk it may run nothing and load nothing, by its own policy.
    """
    style, policy = _style()
    engine = the_engine()
    id, ids, title = chat.id, queries.path_ids(chat), chat.title
    thread: list[tuple[ShownMessage, Markup, list[str]]] = []
    chars_left = renderings.FILE_CHARS
    for start in by_turns(range(0, len(ids), BATCH), seconds=0):
        read = partial(queries.in_order, ids[start : start + BATCH])
        stale_chars = sum(len(each.content) for each in read() if renderings.is_stale(each))
        messages = renderings.ready(read, most_chars=chars_left)
        cited = {each.id: cited_lines(each, reader) for each in messages}
        rows = shown.thread(engine, messages, right)
        thread += [(each, Markup(as_written(each.html)), cited.get(each.id, [])) for each in rows]
        chars_left = max(0, chars_left - stale_chars)
    page = current_app.jinja_env.get_template("chat/export.html")
    made = "".join(by_turns(page.generate(title=title, thread=thread, style=style, policy=policy, now=utc_now())))
    return with_pictures(made, id)


@cache
def _style() -> tuple[Markup, str]:
    """Our own sheets as an element, and the policy that admits this style alone."""
    css = "\n".join((ROOT / f"static/css/{name}.css").read_text("utf-8") for name in SHEETS)
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return Markup("<style>{}</style>").format(Markup(css)), policy
