"""A URL map that the tests' applications share: all have the same routes, which are bound and sorted for the first only."""

from operator import attrgetter
from typing import Any

from werkzeug.routing import Map, Rule, RuleFactory

Sign = tuple[object, ...]
ALONE = attrgetter(
    *("rule", "endpoint", "strict_slashes", "merge_slashes", "subdomain", "host", "build_only", "alias", "websocket"),
    *("redirect_to", "provide_automatic_options"),
)
# Maps a sequence of added rules to the first URL map that was built from it.
_known: dict[tuple[Sign, ...], Map] = {}


class SharedRoutes(Map):
    """Keeps added rules until the first lookup, and then reuses the map of an earlier application with the same rules.

    Binding the rules for each application took a fifth of a test's time.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._added: list[Rule] = []
        self._is_asked = False
        super().__init__(*arguments, **options)

    def add(self, rulefactory: RuleFactory) -> None:
        assert not self._is_asked, "a route is added before anybody asks for one"
        self._added.extend(rulefactory.get_rules(self))

    def update(self) -> None:
        if not self._is_asked:
            self._is_asked = True
            self._settle()
        super().update()

    def _settle(self) -> None:
        first = _known.setdefault(tuple(map(_sign, self._added)), self)
        if first is self:
            for rule in self._added:
                super().add(rule)
        else:
            self._matcher, self._rules_by_endpoint = first._matcher, first._rules_by_endpoint
            self._remap = False
        self._added.clear()


def _sign(rule: Rule) -> Sign:
    """Returns all arguments a rule is made with, and what Flask notes on it."""
    return (*ALONE(rule), frozenset(rule.methods or ()), tuple((rule.defaults or {}).items()))
