"""The cost of pages and searches with few and with many chats, as ratios within one run, and of searches as they are typed."""

import itertools
import random
import statistics
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, func, select, text

from bench.archive import Archive, Texts
from bench.browsing import HTMX
from bench.figures import percentile
from bench.verdict import MOST_DRIFT, Bar, Verdict, drift
from webapp.base.db import autocommit_connection, db, is_sqlite, write
from webapp.base.ids import new_id
from webapp.characters.tables import Character
from webapp.chat.record.tables import Message
from webapp.knowledge.tables import Collection, Document
from webapp.people.accounts import service as accounts
from webapp.people.accounts.guards import COOKIE
from webapp.prompts.tables import Prompt
from webapp.rendering.text import title

SHORT, LONG = 50, 5_000
FEW, MANY, MESSAGES_EACH = 50, 10_000, 10
USUAL = 12
MOST_TIMES, MOST_FIRST_PAINT_KB, MOST_SEARCH_MS = 1.5, 60.0, 100.0
# Of the server's CPU, and of waiting, which includes the database.
MOST_TYPED_CPU_MS, MOST_TYPED_MS = 60.0, 80.0
MOST_CHAT_MS, MOST_USUAL_KB = 12.0, 45.0
ROUNDS, SEARCHES, TYPED = 40, 200, 80
COLLECTIONS, DOCUMENTS, CHARACTERS, PROMPTS = 20, 2_000, 500, 300
NO_HEADERS: Mapping[str, str] = {}
Say = Callable[[str], None]


@dataclass
class Page:
    """The measurements of one page, one for each request."""

    name: str
    seconds: list[float]
    waited: list[float] = field(default_factory=list)
    statements: int = 0
    content: bytes = b""

    @property
    def ms(self) -> float:
        return statistics.median(self.seconds) * 1000

    def line(self) -> str:
        packed, spent = _packed(self.content)
        return (
            f"{self.name:<36} {self.ms:>8.1f} {self.statements:>12} {len(self.content) / 1000:>9.1f} "
            f"{packed / 1000:>9.1f} {spent * 1000:>9.1f}"
        )


class Account:
    """An application in this process with a signed-in person; without a network, so that only its own work counts."""

    def __init__(self, app: Flask, email: str, texts: Texts, dice: random.Random) -> None:
        user = accounts.add_user(email, "member", "measured and found wanting")
        self.user_id, self.archive, self._engine = user.id, Archive(user.id, texts, dice), db.engine
        self._client: FlaskClient = app.test_client()
        self._client.set_cookie(COOKIE, accounts.open_session(user.id))

    def visit(self, path: str, page: Page, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Requests a page once more."""
        with Statements(self._engine) as statements:
            began, began_cpu = time.perf_counter(), time.process_time()
            response = self._client.get(path, headers=dict(headers))
            page.seconds.append(time.process_time() - began_cpu)
            page.waited.append(time.perf_counter() - began)
        if response.status_code != 200:
            raise RuntimeError(f"GET {path} answered {response.status_code}")
        page.content, page.statements = response.data, statements.count


class Statements:
    """Counts the database statements inside its block."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.count = engine, 0

    def __enter__(self) -> "Statements":
        event.listen(self._engine, "before_cursor_execute", self._add)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._add)

    def _add(self, *_: object) -> None:
        self.count += 1


def measure(app: Flask, say: Say) -> Verdict:
    """Measures the cost of pages and searches."""
    dice = random.Random(7)
    texts = Texts(dice)
    with app.app_context():
        full, small = Account(app, "full@example.org", texts, dice), Account(app, "small@example.org", texts, dice)
        began = time.monotonic()
        (usual,), (short,), (long,) = (full.archive.add_chats(1, length) for length in (USUAL, SHORT, LONG))
        small.archive.add_chats(FEW, MESSAGES_EACH)
        full.archive.add_chats(MANY, MESSAGES_EACH)
        _say_inserted(began, say)
    bars, doubt = _pages(full, small, (usual, short, long), say)
    return Verdict([*bars, *_searches(full, texts, dice, say)], [doubt] if doubt else [])


def measure_typed(app: Flask, say: Say) -> Verdict:
    """Types searches of every kind among a hundred thousand messages and much else: a request is sent after each letter."""
    dice = random.Random(7)
    texts = Texts(dice)
    with app.app_context():
        account, began = Account(app, "full@example.org", texts, dice), time.monotonic()
        account.archive.add_chats(MANY, MESSAGES_EACH)
        _add_what_has_names(account.user_id, texts)
        settle()
        _say_inserted(began, say)
    typed = [letters for query in queries(texts.words, dice)[:TYPED] for letters in _letter_by_letter(query)]
    return _typed(account, typed, say)


def settle() -> None:
    """Runs what PostgreSQL's autovacuum does within a minute, and SQLite's upkeep within a day: new rows are read more slowly."""
    db.session.rollback()
    with autocommit_connection() as connection:
        connection.execute(text("ANALYZE" if is_sqlite() else "VACUUM ANALYZE"))


def _say_inserted(began: float, say: Say) -> None:
    count = db.session.scalar(select(func.count()).select_from(Message))
    say(f"{count} messages were inserted in {time.monotonic() - began:.0f} s.\n")
    db.session.remove()


def _pages(full: Account, small: Account, chats: tuple[str, str, str], say: Say) -> tuple[list[Bar], str]:
    usual, short, long = chats
    usual_chat = Page(f"a chat of {USUAL} messages", [])
    short_chat, long_chat = Page(f"a chat of {SHORT} messages", []), Page(f"a chat of {LONG} messages", [])
    few, many = Page(f"the list, {FEW} chats", []), Page(f"the list, {MANY} chats", [])
    # In turns, so that other load on the machine affects all of them.
    for _ in range(ROUNDS):
        full.visit(f"/chats/{usual}", usual_chat)
        full.visit(f"/chats/{short}", short_chat)
        full.visit(f"/chats/{long}", long_chat)
        small.visit("/chats", few)
        full.visit("/chats", many)
    say(f"{'':<36} {'CPU ms':>8} {'statements':>12} {'KB':>9} {'gzip KB':>9} {'gzip ms':>9}")
    for page in (usual_chat, short_chat, long_chat, few, many):
        say(page.line())
    say(f"\nThe full list opens in {many.ms / few.ms:.2f} times the time of the small one: it shows the newest 100.")
    opens = f"a chat of {LONG} messages opens, in times of one of {SHORT}"
    paint = f"first paint of {SHORT} messages with gzip"
    bars = [
        Bar(opens, long_chat.ms / short_chat.ms, MOST_TIMES, is_timed=True),
        Bar(f"HTML of a chat of {USUAL} messages", len(usual_chat.content) / 1000, MOST_USUAL_KB, " KB"),
        Bar(f"CPU for a chat of {SHORT} messages", short_chat.ms, MOST_CHAT_MS, " ms", is_timed=True),
        Bar(paint, _packed(short_chat.content)[0] / 1000, MOST_FIRST_PAINT_KB, " KB"),
    ]
    halves = (statistics.median(half) for half in (short_chat.seconds[: ROUNDS // 2], short_chat.seconds[ROUNDS // 2 :]))
    return bars, drift(*halves)


def _searches(account: Account, texts: Texts, dice: random.Random, say: Say) -> list[Bar]:
    """Measures searches for rare and frequent words, for one or two words, and for prefixes."""
    page = Page("search", [])
    for query in queries(texts.words, dice):
        account.visit(f"/chats?q={quote_plus(query)}", page)
    p50, p95 = (percentile(page.seconds, share) * 1000 for share in (0.5, 0.95))
    say(f"\n{SEARCHES} searches: {p50:.1f} ms (p50), {p95:.1f} ms (p95), page included")
    return [Bar("a search among all messages, p95, page included", p95, MOST_SEARCH_MS, " ms", is_timed=True)]


def _letter_by_letter(query: str) -> Iterator[str]:
    return (query[:end] for end in range(1, len(query) + 1) if query[end - 1] != " ")


def _add_what_has_names(owner_id: str, texts: Texts) -> None:
    """Inserts collections with documents, characters and prompts."""
    collection_ids = [new_id() for _ in range(COLLECTIONS)]
    names = (title(texts.sentence()) for _ in itertools.count())
    unread = {"bytes": 1, "characters": 1, "state": "ready", "edition": 1}
    with write() as session:
        session.add_all(Collection(id=id, owner_id=owner_id, name=next(names)) for id in collection_ids)
        session.flush()
        for number in range(DOCUMENTS):
            collection_id = collection_ids[number % COLLECTIONS]
            session.add(Document(collection_id=collection_id, title=next(names), name="a.md", hash=new_id(), **unread))
        session.add_all(Character(owner_id=owner_id, name=next(names)) for _ in range(CHARACTERS))
        session.add_all(Prompt(owner_id=owner_id, key=f"prompt-{number}", about=next(names)) for number in range(PROMPTS))


def _typed(account: Account, typed: list[str], say: Say) -> Verdict:
    page = Page("search", [])
    for query in typed:
        account.visit(f"/search?q={quote_plus(query)}", page, HTMX)
    bars = []
    kinds = (("CPU of", page.seconds, MOST_TYPED_CPU_MS), ("waiting for", page.waited, MOST_TYPED_MS))
    for words, seconds, bound in kinds:
        p50, p95, most = (percentile(seconds, share) * 1000 for share in (0.5, 0.95, 1))
        say(f"{words.capitalize()} each of {len(typed)} letters: {p50:.1f} ms (p50), {p95:.1f} ms (p95), {most:.1f} ms at most")
        bars.append(Bar(f"{words} a search while it is typed, p95", p95, bound, " ms", is_timed=True))
    # SQLite works in this process: what is waited for beyond its CPU is other load.
    is_busy = is_sqlite() and sum(page.waited) > sum(page.seconds) * (1 + MOST_DRIFT)
    return Verdict(bars, ["other processes took turns on the CPU"] if is_busy else [])


def queries(words: Sequence[str], dice: random.Random) -> list[str]:
    # Chosen by rank: people search for rare words, and sometimes for very frequent ones.
    ranks = [min(len(words) - 1, int(10 ** dice.uniform(0.5, 4.2))) for _ in range(2 * SEARCHES)]
    pairs = zip(ranks[:SEARCHES], ranks[SEARCHES:], strict=True)
    return [words[first] if dice.random() < 0.6 else f"{words[first]} {words[second][:4]}" for first, second in pairs]


def _packed(content: bytes) -> tuple[int, float]:
    """Returns the size with gzip, and the seconds that compression takes."""
    began = time.process_time()
    return len(zlib.compress(content, 6)), time.process_time() - began
