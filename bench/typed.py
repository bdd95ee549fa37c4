"""The cost of a search while it is typed: the sidebar sends a request after each letter."""

import random
import time
from collections.abc import Iterator
from urllib.parse import quote_plus

from flask import Flask
from sqlalchemy import func, select

from bench.archive import Texts
from bench.browsing import HTMX
from bench.figures import percentile
from bench.pages import Account, Page, Say, queries
from bench.verdict import Bar, Verdict
from webapp.base.db import db
from webapp.chat.record.tables import Message

CHATS, MESSAGES_EACH, TYPED = 10_000, 10, 80
MOST_MS = 50.0


def measure(app: Flask, say: Say) -> Verdict:
    """Types searches of every kind, among a hundred thousand messages."""
    dice = random.Random(7)
    texts = Texts(dice)
    with app.app_context():
        account, began = Account(app, "full@example.org", texts, dice), time.monotonic()
        account.archive.add_chats(CHATS, MESSAGES_EACH)
        count = db.session.scalar(select(func.count()).select_from(Message))
        say(f"{count} messages were inserted in {time.monotonic() - began:.0f} s.\n")
        db.session.remove()
    typed = [each for query in queries(texts.words, dice)[:TYPED] for each in _letter_by_letter(query)]
    return Verdict([_bar(account, "the sidebar", "/chats", typed, say), _bar(account, "the palette", "/palette", typed, say)])


def _letter_by_letter(query: str) -> Iterator[str]:
    return (query[:end] for end in range(1, len(query) + 1) if query[end - 1] != " ")


def _bar(account: Account, name: str, path: str, typed: list[str], say: Say) -> Bar:
    page = Page(name, [])
    for query in typed:
        account.visit(f"{path}?q={quote_plus(query)}", page, HTMX)
    p50, p95, most = (percentile(page.seconds, share) * 1000 for share in (0.5, 0.95, 1))
    say(f"{name}, after each of {len(typed)} letters: {p50:.1f} ms (p50), {p95:.1f} ms (p95), {most:.1f} ms at most")
    return Bar(f"a search in {name} while it is typed, p95", p95, MOST_MS, " ms", is_timed=True)
