"""The prompts that Millrace itself uses, as features declare them; the text is the first version of its key. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from webapp.prompts.template import PromptPart


@dataclass(frozen=True, kw_only=True)
class BuiltIn:
    """A prompt that ships with Millrace.

    `title` names it on pages. `variables` are those it can use, with descriptions; it must use those in `needs`. `load` returns
    its text, on first use only. `takes` are the parameters that a version can set. A prompt with `is_optional` can be empty.
    With `is_answered`, versions can be compared by people's feedback on the answers; with `leads_chats`, the answers can read
    from collections; with `is_for_programs`, only programs start them.
    """

    key: str
    title: str
    about: str
    load: Callable[[], tuple[PromptPart, ...]]
    variables: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    is_optional: bool = False
    is_answered: bool = False
    leads_chats: bool = False
    is_for_programs: bool = False

    @property
    def parts(self) -> tuple[PromptPart, ...]:
        return self.load()


def parts(**texts: str) -> Callable[[], tuple[PromptPart, ...]]:
    """Returns a loader for these sections, given text by name."""
    prompt_parts = tuple(PromptPart(name.replace("_", " "), text) for name, text in texts.items())
    return lambda: prompt_parts
