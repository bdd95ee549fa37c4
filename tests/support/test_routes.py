"""Applications that share a URL map find their own views, and one with different routes has its own map."""

import pytest
from flask import Flask

from tests.support.routes import SharedRoutes


def made(*paths: str, says: str = "") -> Flask:
    app = Flask("made")
    for path in paths:
        app.add_url_rule(path, path.strip("/"), lambda path=path: f"{says}{path}")
    return app


def test_the_same_routes_lead_to_the_views_of_each_application() -> None:
    first, second = (made("/one/", "/two/", says=name) for name in ("a", "b"))

    assert [app.test_client().get("/two/").text for app in (first, second)] == ["a/two/", "b/two/"]
    assert first.url_map._matcher is second.url_map._matcher


def test_another_route_is_found_by_those_that_have_it() -> None:
    few, many = made("/three/"), made("/three/", "/four/")

    assert [app.test_client().get("/four/").status_code for app in (few, many)] == [404, 200]
    assert [rule.endpoint for rule in many.url_map.iter_rules()] == ["static", "three", "four"]


def test_what_comes_after_somebody_asked_is_refused() -> None:
    app = made("/five/")
    assert isinstance(app.url_map, SharedRoutes)
    app.url_map.update()

    with pytest.raises(AssertionError, match="before anybody asks"):
        app.add_url_rule("/six/", "six")
