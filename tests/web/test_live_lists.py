"""Every list that a feature declares is sent in full, with its surroundings, to a page that has nothing of it yet."""

import pytest

from tests.chat.listener import listen
from webapp.app import FEATURES
from webapp.engine.engine import the_engine
from webapp.engine.watching import watchers
from webapp.engine.watching.lists import ListNews, LiveList

__all__ = ["listen"]

LISTS = {each.name: each for feature in FEATURES for each in feature.brings if isinstance(each, LiveList)}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", LISTS)
def test_a_page_that_has_nothing_hears_all_of_it(owner, listen, name):
    listener = listen(owner, f"/lists/{name}/events")
    wanted = [f'hx-target="{LISTS[each].element}" hx-swap="{LISTS[each].swap}"' for each in dict.fromkeys((name, "sidebar"))]

    listener.until(lambda each: all(part in each.html for part in wanted))
    assert "csrf" not in listener.html


def test_a_list_that_nobody_has_named_is_not_there(owner):
    assert owner.get("/lists/nothing/events").status_code == 404


def test_a_list_with_the_token_of_one_browser_is_not_drawn_for_all(app, owner):
    """A list is rendered once for all browsers of a person, and a browser's CSRF token would be refused from another."""
    one = LiveList(
        name="buttons", element="#sidebar", template="layouts/_sidebar_toggle.html", changes=("button",), read=lambda me: {}
    )
    cookie = owner.client.get_cookie("millrace").value
    with app.test_request_context(headers={"Cookie": f"millrace={cookie}"}):
        news = ListNews(the_engine(), owner.person_id, -1, watchers.same_request(), own=[one])
        with pytest.raises(RuntimeError, match="live list buttons holds a form with a token"):
            news.news()
