"""Routes that are taken apart once, and whose addresses are put together by code that is made when it is first needed."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_first: dict[str, "LazyRule"] = {}


class LazyRule(Rule):
    """Most routes are only ever matched: making the builders of all of them is half of the time a start takes."""

    def compile(self) -> None:
        # Tests make thousands of applications in one process, all with the same routes.
        first = _first.setdefault(self.rule, self)
        if first is self:
            super().compile()
            return
        self._parts, self._trace, self._converters = first._parts, first._trace, first._converters
        self.arguments |= first.arguments
        self._build = self._compile_builder(False).__get__(self, None)
        self._build_unknown = self._compile_builder(True).__get__(self, None)

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Any]:
        made: list[Callable[..., Any]] = []

        def build(rule: Rule, **values: Any) -> Any:
            if not made:
                made.append(super(LazyRule, self)._compile_builder(append_unknown))
            return made[0](rule, **values)

        return build
