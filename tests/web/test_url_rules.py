"""Routes whose builders are compiled on first use match and build like Werkzeug's own."""

import pytest
from werkzeug.routing import Map, Rule

from webapp.web.server.url_rules import PARSED, LazyRule

# Public attributes that are set when a rule is bound to its map.
PUBLIC = {"strict_slashes", "merge_slashes", "subdomain"}
BUILDERS = {"_build", "_build_unknown"}
PATTERNS = {
    "/": {},
    "/chats/<id>": {"id": "a b"},
    "/docs/<path:name>": {"name": "a/b"},
    "/plans/<int:at>/<id>": {"at": 7, "id": "x"},
}


def test_werkzeug_compiles_a_rule_into_what_is_shared_and_two_builders() -> None:
    rule = Rule("/chats/<id>", endpoint="chat")
    before = dict(vars(rule))
    Map([rule])
    changed = {name for name, value in vars(rule).items() if name not in before or value is not before[name]}
    assert changed - {"map"} - PUBLIC == {*PARSED, *BUILDERS}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_shared_rule_matches_and_builds_like_werkzeugs(pattern: str) -> None:
    values = {**PATTERNS[pattern], "extra": "?"}
    plain, first, second = (Map([make(pattern, endpoint="page")]) for make in (Rule, LazyRule, LazyRule))
    for known in (first, second):
        mine, theirs = known.bind("localhost"), plain.bind("localhost")
        built = theirs.build("page", values)
        assert mine.build("page", values) == built
        assert mine.match(built.partition("?")[0]) == theirs.match(built.partition("?")[0])
