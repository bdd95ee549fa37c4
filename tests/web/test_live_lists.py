"""Every list that a feature declares is sent in full, with its surroundings, to a page that has nothing of it yet."""

import pytest

from tests.chat.listener import listen
from webapp.app import FEATURES
from webapp.engine.watching.lists import LiveList

__all__ = ["listen"]

LISTS = {bring.name: bring for feature in FEATURES for bring in feature.brings if isinstance(bring, LiveList)}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", LISTS)
def test_a_page_that_has_nothing_hears_all_of_it(owner, listen, name):
    listener = listen(owner, f"/lists/{name}/events")
    wanted = [
        f'hx-target="{LISTS[fromkey].element}" hx-swap="{LISTS[fromkey].swap}"' for fromkey in dict.fromkeys((name, "sidebar"))
    ]

    listener.until(lambda feed: all(part in feed.html for part in wanted))


def test_a_list_that_nobody_has_named_is_not_there(owner):
    assert owner.get("/lists/nothing/events").status_code == 404
