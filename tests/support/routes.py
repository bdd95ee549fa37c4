"""Routes that the tests' applications share: all have the same, which are made, bound and sorted for the first only."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from flask import Blueprint, Flask
from werkzeug.routing import Map, Rule, RuleFactory

Sign = tuple[object, ...]
ALONE = attrgetter(
    *("rule", "endpoint", "strict_slashes", "merge_slashes", "subdomain", "host", "build_only", "alias", "websocket"),
    *("redirect_to", "provide_automatic_options"),
)
# What a blueprint keeps for each of its routes, to be called with an application.
ADDS_A_ROUTE = "Blueprint.add_url_rule.<locals>.<lambda>"
# The first rule of each sign, which stands for all of them.
_first: dict[Sign, Rule] = {}
# Maps the ids of a sequence of such rules to the first URL map that was built from it.
_known: dict[tuple[int, ...], Map] = {}


class SharedRoutes(Map):
    """Keeps added rules until the first lookup, and then reuses the map of an earlier application with the same rules.

    Binding the rules for each application took a fifth of a test's time.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.added: list[Rule] = []
        self._is_asked = False
        super().__init__(*arguments, **options)

    def add(self, rulefactory: RuleFactory) -> None:
        assert not self._is_asked, "a route is added before anybody asks for one"
        self.added.extend(_first.setdefault(_sign(rule), rule) for rule in rulefactory.get_rules(self))

    def update(self) -> None:
        if not self._is_asked:
            self._is_asked = True
            self._settle()
        super().update()

    def _settle(self) -> None:
        first = _known.setdefault(tuple(map(id, self.added)), self)
        if first is self:
            for rule in self.added:
                super().add(rule if rule.map is None else _unbound(rule))
        else:
            self._matcher, self._rules_by_endpoint = first._matcher, first._rules_by_endpoint
            self._remap = False
        self.added.clear()


class Known(NamedTuple):
    """What an earlier application has got from a blueprint with so many calls that had to wait for one."""

    calls: int
    rules: list[Rule]
    views: dict[str, Any]
    others: list[Callable[[Any], Any]]


_of_blueprints: dict[tuple[Blueprint, type[Rule]], Known] = {}


class SharingFlask(Flask):
    """An application whose blueprints have the same rules and views as in an earlier one.

    Making all rules for each application would take 7 ms, and the rest of `create_app` takes 5.
    """

    url_map_class = SharedRoutes
    url_map: SharedRoutes

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        known = _of_blueprints.get((blueprint, self.url_rule_class))
        if options or not known or known.calls != len(blueprint.deferred_functions) or _is_taken(blueprint, known, self):
            self._register_first(blueprint, options)
            return
        self.blueprints[blueprint.name] = blueprint
        blueprint._merge_blueprint_funcs(self, blueprint.name)
        self.url_map.added.extend(known.rules)
        self.view_functions.update(known.views)
        if known.others:
            state = blueprint.make_setup_state(self, options, first_registration=True)
            for call in known.others:
                call(state)

    def _register_first(self, blueprint: Blueprint, options: dict[str, Any]) -> None:
        added, before = self.url_map.added, len(self.url_map.added)
        super().register_blueprint(blueprint, **options)
        rules, calls = added[before:], blueprint.deferred_functions
        views = {rule.endpoint: self.view_functions[rule.endpoint] for rule in rules if rule.endpoint in self.view_functions}
        others = [call for call in calls if call.__qualname__ != ADDS_A_ROUTE]
        if not options:
            _of_blueprints[blueprint, self.url_rule_class] = Known(len(calls), rules, views, others)


def _is_taken(blueprint: Blueprint, known: Known, app: Flask) -> bool:
    """Whether Flask has something to object, or there is more than routes to register."""
    names = blueprint.name in app.blueprints or not known.views.keys().isdisjoint(app.view_functions)
    return names or bool(blueprint.cli.commands or blueprint._blueprints or blueprint.has_static_folder)


def _sign(rule: Rule) -> Sign:
    """Returns all arguments a rule is made with, and what Flask notes on it."""
    return (type(rule), *ALONE(rule), frozenset(rule.methods or ()), tuple((rule.defaults or {}).items()))


def _unbound(rule: Rule) -> Rule:
    """Returns the same rule for another map."""
    copy = rule.empty()
    copy.provide_automatic_options = rule.provide_automatic_options  # type: ignore[attr-defined]
    return copy
