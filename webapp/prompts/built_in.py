"""The prompts that the product itself uses, as features bring them: their text is the first version of their key. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from webapp.prompts.template import Part


@dataclass(frozen=True, kw_only=True)
class BuiltIn:
    """`variables` are the ones there are, each with a sentence; without those in `needs` the prompt would be of no use.

    `load` gives its text, read only when it is wanted. `takes` are the parameters that a version can set. One that is optional
    may say nothing. Of one that is answered, versions can be compared by what people make of the answers; of one that leads
    chats, the answers can read from collections.
    """

    key: str
    about: str
    load: Callable[[], tuple[Part, ...]]
    variables: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    is_optional: bool = False
    is_answered: bool = False
    leads_chats: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.load()


def parts(**texts: str) -> Callable[[], tuple[Part, ...]]:
    """Sections at hand, each by its name."""
    found = tuple(Part(name.replace("_", " "), text) for name, text in texts.items())
    return lambda: found
