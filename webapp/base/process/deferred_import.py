"""Puts off a module that libraries import at their start, but hardly ever use, until it is used. Pure."""

import importlib.util
import sys
from typing import Any


def defer_import(name: str, **known: Any) -> None:
    """Makes `import name` cheap: the module is executed when an attribute of it is first read, except those in `known`.

    The standard library's `LazyLoader` executes it at the second import already, as that reads an attribute, too.
    """
    spec = importlib.util.find_spec(name)
    if name in sys.modules or not spec or not spec.loader:
        return
    loader, module = spec.loader, importlib.util.module_from_spec(spec)

    def execute(attribute: str) -> Any:
        # While it is executed, nothing must remain of this.
        del module.__dict__["__getattr__"]
        loader.exec_module(module)
        return getattr(module, attribute)

    module.__dict__.update(known, __getattr__=execute)
    sys.modules[name] = module
