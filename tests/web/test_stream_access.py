"""How often it is checked whether open pages may still be read, and in which request."""

from flask import Flask, request, url_for

from webapp.base import topic_names
from webapp.engine.engine import the_engine
from webapp.engine.watching import watchers
from webapp.streaming.events import Changed


def test_pages_of_one_browser_share_a_check_until_access_changes(app: Flask) -> None:
    checked: list[str] = []

    def check(_context: watchers.Context, chat_id: str) -> bool:
        checked.append(chat_id)
        return True

    def ask(cookie: str, chat: str) -> None:
        with app.test_request_context(headers=[("Cookie", cookie)]):
            assert watchers.watcher("ada", watchers.same_request(), check, chat).is_allowed()

    def change() -> None:
        with app.app_context():
            the_engine().logs.topics.append(topic_names.of_person("ada"), Changed("access", "one"))

    def ask_all() -> list[str]:
        # Otherwise the first question could have been answered at the end of the time before.
        change()
        checked.clear()
        for cookie, chat in [("a=1", "one"), ("a=1", "two"), ("a=1", "one"), ("b=2", "one")]:
            ask(cookie, chat)
        change()
        ask("a=1", "one")
        return checked

    # Two checks can fall into different periods.
    assert any(ask_all() == ["one", "two", "one", "one"] for _ in range(20))


def test_what_is_rendered_for_a_stream_has_the_route_of_its_request(app: Flask) -> None:
    with app.test_request_context("/chats/7/events"):
        context, endpoint, arguments = watchers.same_request(), request.endpoint, request.view_args
    with context():
        assert (request.endpoint, request.view_args) == (endpoint, arguments)
        assert endpoint
        assert url_for(".show", id="7") == url_for("chat.show", id="7")
