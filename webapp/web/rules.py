"""Routes whose addresses are put together by code that is made when it is first needed."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


class LazyRule(Rule):
    """Most routes are only ever matched: making the builders of all of them is half of the time a start takes."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Any]:
        made: list[Callable[..., Any]] = []

        def build(rule: Rule, **values: Any) -> Any:
            if not made:
                made.append(super(LazyRule, self)._compile_builder(append_unknown))
            return made[0](rule, **values)

        return build
