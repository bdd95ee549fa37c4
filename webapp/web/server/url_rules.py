"""Speeds up the start: URL builders are compiled on first use, and applications share parsed patterns.

Werkzeug compiles two builders for each route at start: 230 of 250 ms for 580 routes, of which a few are ever used. Parsing the
patterns again would add 14 ms to each of the thousands of applications that tests create. Werkzeug has no public API for
either: the internals used are named in this module, and `tests/web/test_url_rules.py` fails when a version changes them.
"""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

# The attributes that `Rule.compile` parses from a pattern; besides these it only sets the two builders.
PARSED = ("_parts", "_trace", "_converters")
_parsed_rules: dict[str, Rule] = {}


class LazyRule(Rule):
    def compile(self) -> None:
        parsed = _parsed_rules.setdefault(self.rule, self)
        if parsed is self:
            super().compile()
            return
        for name in PARSED:
            setattr(self, name, getattr(parsed, name))
        self.arguments |= parsed.arguments
        self._build = self._compile_builder(False).__get__(self, None)
        self._build_unknown = self._compile_builder(True).__get__(self, None)

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Any]:
        # One function for all rules: storing one for each takes half a megabyte.
        return _build_unknown if append_unknown else _build

    def compiled(self, append_unknown: bool) -> Callable[..., Any]:
        builder: Callable[..., Any] = super()._compile_builder(append_unknown).__get__(self, None)
        return builder


def _build(rule: LazyRule, **values: Any) -> Any:
    rule._build = rule.compiled(append_unknown=False)
    return rule._build(**values)


def _build_unknown(rule: LazyRule, **values: Any) -> Any:
    rule._build_unknown = rule.compiled(append_unknown=True)
    return rule._build_unknown(**values)
