"""Templates share their globals, and keep to themselves the variables passed to each."""

from flask import Flask


def test_what_all_templates_know_can_still_be_added_to(app: Flask) -> None:
    template = app.jinja_env.from_string("{{ mill }}")
    app.jinja_env.globals["mill"] = "wheel"

    assert template.render() == "wheel"


def test_what_one_template_is_given_no_other_knows(app: Flask) -> None:
    given = app.jinja_env.from_string("{{ mill }}", globals={"mill": "race"})

    assert given.render() == "race"
    assert app.jinja_env.from_string("{{ mill }}").render() == ""
