"""Applications that share a URL map find their own views, and one with different routes has its own map."""

import pytest
from flask import Blueprint, Flask

from tests.support.routes import SharedRoutes, SharingFlask


def made(*paths: str, says: str = "") -> Flask:
    app = SharingFlask("made")
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


def with_blueprint(blueprint: Blueprint, *, later: str = "") -> Flask:
    app = SharingFlask("made")
    app.register_blueprint(blueprint)
    if later:
        app.add_url_rule(later, later, lambda: later)
    return app


def test_the_routes_of_a_blueprint_are_made_once() -> None:
    blueprint = Blueprint("seven", "seven", url_prefix="/of")
    blueprint.add_url_rule("/seven", view_func=lambda: "seven", endpoint="seven", methods=["POST"], defaults={})

    first, second = with_blueprint(blueprint), with_blueprint(blueprint)

    assert [app.test_client().post("/of/seven").text for app in (first, second)] == ["seven", "seven"]
    assert [app.test_client().get("/of/seven").status_code for app in (first, second)] == [405, 405]
    assert first.url_map._matcher is second.url_map._matcher
    assert second.view_functions["seven.seven"] is first.view_functions["seven.seven"]


def test_a_blueprint_beside_other_routes_has_its_own_map() -> None:
    blueprint = Blueprint("eight", "eight")
    blueprint.add_url_rule("/eight", view_func=lambda: "eight", endpoint="eight")

    apps = with_blueprint(blueprint), with_blueprint(blueprint, later="/nine")

    assert [app.test_client().get("/eight").text for app in apps] == ["eight", "eight"]
    assert [app.test_client().get("/nine").status_code for app in apps] == [404, 200]
    assert [app.test_client().options("/eight").status_code for app in apps] == [200, 200]


def test_what_a_blueprint_does_before_requests_is_done_in_each_application() -> None:
    blueprint, seen = Blueprint("eleven", "eleven"), []
    blueprint.add_url_rule("/eleven", view_func=lambda: "eleven", endpoint="eleven")
    blueprint.before_request(lambda: seen.append("its own"))
    blueprint.before_app_request(lambda: seen.append("any"))
    blueprint.record(lambda state: seen.append(state.app.name))

    for _ in range(2):
        with_blueprint(blueprint).test_client().get("/eleven")

    assert seen == ["made", "any", "its own"] * 2


def test_what_a_blueprint_gets_later_is_known_too() -> None:
    blueprint = Blueprint("twelve", "twelve")
    blueprint.add_url_rule("/twelve", view_func=lambda: "twelve", endpoint="twelve")
    with_blueprint(blueprint)
    blueprint._got_registered_once = False
    blueprint.add_url_rule("/thirteen", view_func=lambda: "thirteen", endpoint="thirteen")

    assert with_blueprint(blueprint).test_client().get("/thirteen").text == "thirteen"


def test_the_same_blueprint_twice_is_refused() -> None:
    blueprint = Blueprint("fourteen", "fourteen")
    app = with_blueprint(blueprint)

    with pytest.raises(ValueError, match="already registered"):
        app.register_blueprint(blueprint)


def test_another_view_under_a_name_that_is_taken_is_refused() -> None:
    blueprint = Blueprint("ten", "ten")
    blueprint.add_url_rule("/ten", view_func=lambda: "ten", endpoint="ten")
    with_blueprint(blueprint).test_client().get("/ten")
    app = SharingFlask("made")
    app.view_functions["ten.ten"] = lambda: "another"

    with pytest.raises(AssertionError, match="overwriting"):
        app.register_blueprint(blueprint)
