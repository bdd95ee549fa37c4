"""One search of the web before the answer of a model that takes no tools: a call like any other, and nothing waits for it."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from gevent.event import Event

from tests.engine.bench import Bench, die
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.people import user_with_password
from tests.tools.built_in.conftest import Site
from tests.tools.built_in.test_search_web import ROWS, reply_of
from tests.tools.test_recovery import calls_in
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, write
from webapp.chat.messages import sending
from webapp.chat.record.tables import Chat, Message
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.providers import providers
from webapp.models.connections.service import ConnectionInput
from webapp.settings.service import set_setting
from webapp.streaming.events import Asked, Decided, Returned, Sources, Started
from webapp.tools import policies
from webapp.tools.built_in.search_web import query_for
from webapp.tools.tool import Policy

__all__ = ["app"]
ASKED = "Where do otters swim?"


class Searching:
    """A bench whose models `able` and `unable` are known to take tools or not, and whose web is a site."""

    def __init__(self, bench: Bench, fake: Upstream, site: Site) -> None:
        self.bench, self.fake, self.site = bench, fake, site
        listed = [{"id": "able", "supported_parameters": ["tools"]}, {"id": "unable", "supported_parameters": ["stop"]}]
        fake.always({"json": {"data": listed}}, at="/models")
        fake.says("In rivers [1].")
        site.says("/search", json.dumps(reply_of("searxng", ROWS)), kind="application/json")
        with bench.app.app_context():
            about = ConnectionInput(name="Elsewhere", base_url=fake.base_url, default_model="unable")
            self.slug = connections.create("openai", about, author=COMMAND_LINE)
            connections.refresh(self.slug, lambda: providers().provider(self.slug), author=COMMAND_LINE)
            set_setting("tools.search_kind", "searxng")
            set_setting("tools.search_address", site.url)
            the_connections().forget()
        self.person = bench.person()

    def begin(self, text: str = ASKED, *, model: str = "unable") -> str:
        return self.bench.ask(text, person=self.person, model=f"{self.slug}:{model}", tools=["search_web"])

    def decide(self, policy: Policy) -> None:
        with self.bench.app.app_context(), write() as session:
            policies.decide(session, "search_web", policy)

    @property
    def queries(self) -> list[str]:
        return [parse_qs(request.query)["q"][0] for request in self.site.requests]

    def sent(self) -> dict[str, Any]:
        """Returns the latest request to the model."""
        body: dict[str, Any] = self.fake.posts()[-1]["body"]
        return body

    def events(self, id: str) -> list[Any]:
        return [entry.event for entry in self.bench.engine.logs.topics.read(f"generation:{id}", 0)]


@pytest.fixture
def searching(bench: Bench, fake: Upstream, site: Site) -> Searching:
    return Searching(bench, fake, site)


@also_on_postgres
def test_what_is_found_is_sent_with_the_question_and_shown_as_sources(searching: Searching, backend: str) -> None:
    id = searching.begin()
    ended = searching.bench.until_ended(id)
    assert (ended.status, searching.bench.message(id).content) == ("completed", "In rivers [1].")
    assert searching.queries == [ASKED]
    (call,) = calls_in(searching.bench)
    assert (call.round, call.state, call.title) == (0, "done", f"Searched the web for “{ASKED}”")
    assert (call.decision, call.outside) == ("", ["example.org", "sea.example"])
    assert [source["url"] for source in searching.bench.message(id).sources] == [row["url"] for row in ROWS]
    assert "tools" not in searching.sent()
    (message,) = [turn for turn in searching.sent()["messages"] if turn["role"] == "user"]
    assert message["content"].startswith(f"{ASKED}\n\nThe tool search_web was called")
    assert "[1] Otters & co\nhttps://example.org/otters" in message["content"]
    assert "read_page" not in message["content"]
    said = [type(event) for event in searching.events(id)]
    assert said[0] is Started
    assert [kind for kind in said if kind in (Started, Asked, Decided, Returned, Sources)] == [Started, Asked, Returned, Sources]
    # A short question that follows is about what was said before.
    with searching.bench.app.app_context():
        message = db.session.get_one(Message, ended.message_id)
        later = sending.ask(db.session.get_one(Chat, message.chat_id), "And in winter?").id
    searching.bench.until_ended(later)
    assert searching.queries[1:] == [f"And in winter? {ASKED}"]
    assert [source["number"] for source in searching.bench.message(later).sources] == [1, 2]


@pytest.mark.parametrize("status", ["500 Internal Server Error", "429 Too Many Requests"])
def test_the_answer_comes_without_a_search_that_fails(searching: Searching, status: str) -> None:
    searching.site.says("/search", "", status=status)
    for name in ("rounds", "calls", "chars"):
        with searching.bench.app.app_context():
            set_setting(f"tools.{name}", "1")
    ended = searching.bench.until_ended(searching.begin())
    assert ended.status == "completed"
    (call,) = calls_in(searching.bench)
    assert (call.state, call.error.startswith("SearXNG")) == ("failed", True)
    assert "failed:\n```\nError: SearXNG" in searching.sent()["messages"][-1]["content"]


def test_a_limit_is_for_what_the_model_asks_for(searching: Searching) -> None:
    with searching.bench.app.app_context():
        for name in ("rounds", "calls", "chars"):
            set_setting(f"tools.{name}", "1")
    assert searching.bench.until_ended(searching.begin()).status == "completed"
    assert [call.state for call in calls_in(searching.bench)] == ["done"]


def test_a_policy_that_asks_is_met_by_the_switch_alone_for_who_turned_it_on(searching: Searching) -> None:
    searching.decide("ask")
    id = searching.begin()
    ended = searching.bench.until_ended(id)
    (call,) = calls_in(searching.bench)
    assert (call.state, call.policy, call.decision, call.decided_by) == ("done", "ask", "allow", searching.person)
    assert Decided in map(type, searching.events(id))
    with searching.bench.app.app_context():
        chat = db.session.get_one(Chat, db.session.get_one(Message, ended.message_id).chat_id)
        other = user_with_password("ben@example.org", "member").id
        later = sending.ask(chat, "Mine is private", by=other).id
    searching.bench.until(lambda: searching.bench.generation(later).status == "waiting")
    assert searching.queries == [ASKED]


@pytest.mark.parametrize(("name", "value"), [("", ""), ("tools.enabled", "false"), ("tools.search_kind", "none")])
def test_without_permission_or_a_connection_nothing_is_searched(searching: Searching, name: str, value: str) -> None:
    if name:
        with searching.bench.app.app_context():
            set_setting(name, value)
    else:
        searching.decide("deny")
    assert searching.bench.until_ended(searching.begin()).status == "completed"
    assert (searching.queries, calls_in(searching.bench)) == ([], [])


def test_a_model_with_tools_is_offered_the_search(searching: Searching) -> None:
    searching.bench.until_ended(searching.begin(model="able"))
    assert [tool["function"]["name"] for tool in searching.sent()["tools"]] == ["search_web"]
    assert not searching.queries


@pytest.mark.slow
@on_both_databases
def test_a_search_that_was_killed_is_made_again(searching: Searching, fake: Upstream, make_app: Any) -> None:
    bench, other, goes_on = searching.bench, Bench(make_app(**fake.environ)), Event()
    searching.site.meanwhile = lambda: goes_on.wait(30)
    id = searching.begin()
    bench.until(lambda: len(searching.queries) == 1)
    die(bench, id, journalled=2)
    searching.site.meanwhile = lambda: None
    other.recover()
    other.until(lambda: len(other.generations()) == 2)
    latest = other.generations()[-1].id
    other.until_ended(latest)
    goes_on.set()
    assert other.message(latest).content == "In rivers [1]."
    assert (len(searching.queries), [call.state for call in calls_in(other)]) == (2, ["done"])
    entries = other.engine.logs.topics.read(f"generation:{latest}", 0)
    assert isinstance(entries[0].event, Started)


LONG = "Some words about a mill. " * 40
CASES = {
    "a question": ("  Where do\notters swim? ", "Where do otters swim?"),
    "quotes": ("> Otters sleep.\n\nIs that true?", "Is that true?"),
    "code": ("What does this do?\n```py\nprint(1)\n```\nThanks", "What does this do? Thanks"),
    "an open fence": ("Mend this:\n~~~\nx = 1", "Mend this:"),
    "code alone": ("```\nx\n```", "``` x ```"),
    "a long text with a question": (f"{LONG}\nWho owns it? {LONG}", "Who owns it?"),
    "a long text": (LONG, " ".join(LONG.split()[:50])),
    "one long word": ("x" * 900, "x" * 400),
    "nothing": ("\u200b \n", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_searched_for_is_the_persons_own_question(name: str) -> None:
    text, query = CASES[name]
    assert query_for(text) == query


def test_a_message_like_a_book_is_read_at_once() -> None:
    for piece in ("`" * 3 + "\n", "> \n", "? ", ". ", "~~~ "):
        assert len(query_for(piece * 60_000)) <= 400
