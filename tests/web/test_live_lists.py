"""Every list that a feature names is heard whole by a page that has nothing of it yet, with what stands beside it."""

import pytest

from tests.chat.listener import listen
from webapp.feature import brought
from webapp.live.lists import LiveList

__all__ = ["listen"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", ["sidebar", "plans", "collections"])
def test_a_page_that_has_nothing_hears_all_of_it(owner, listen, name):
    with owner.app.app_context():
        lists = {each.name: each for each in brought(LiveList)}
    listener = listen(owner, f"/lists/{name}/events")
    wanted = [f'hx-target="{lists[each].element}" hx-swap="{lists[each].swap}"' for each in dict.fromkeys((name, "sidebar"))]

    listener.until(lambda each: all(part in each.html for part in wanted))
    assert "csrf" not in listener.html


def test_a_list_that_nobody_has_named_is_not_there(owner):
    assert owner.get("/lists/nothing/events").status_code == 404
