"""The tools that come with Millrace as pages show them: cards with a state and a switch, and a row for each tool."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from webapp.base.languages import gettext as _
from webapp.people.accounts.tables import User
from webapp.people.audit_words import AuditObjects
from webapp.tools.built_in.run_python import RUN_PYTHON
from webapp.tools.offers import built_in_tools, tools_of
from webapp.tools.policies import POLICIES, own_limits, policies_for
from webapp.tools.tool import Policy, Tool

WORDS: Mapping[Policy, str] = {"allow": "Use freely", "ask": "Ask first", "deny": "Off"}


# What else the audit log can say was decided about a tool.
DECIDED: Mapping[str, str] = {
    "as usual": "As usual",
    "none": "No limit",
    "free of the outside rule": "free of the outside rule",
}


@dataclass(frozen=True, slots=True)
class ToolGroup:
    """Tools that people think of as one; `sign` is its icon, and `path` the page on which an admin sets it up."""

    slug: str
    title: str
    about: str
    sign: str
    path: str = ""


TOOL_GROUPS = (
    ToolGroup("web", "Web", "Searches the web and reads pages.", "globe", "/admin/tools/web"),
    ToolGroup("documents", "Documents", "Searches documents and names the source.", "book-open"),
    ToolGroup("files", "Files & Python", "Calculates, and writes files to download.", "code"),
    ToolGroup("pictures", "Pictures", "Creates the images you describe.", "image", "/admin/tools/pictures"),
    ToolGroup("questions", "Questions", "Asks you instead of guessing.", "circle-help"),
)


@dataclass(frozen=True, slots=True)
class ToolRow:
    """A tool with what holds for it, and what can be chosen; `mildest` is what holds without a choice of the person's own."""

    tool: Tool
    policy: Policy
    choices: Mapping[Policy, str]
    mildest: Policy = "allow"

    @property
    def can_run(self) -> bool:
        """Whether what it needs is set up."""
        return not self.tool.unavailable()


@dataclass(frozen=True)
class ToolCard:
    group: ToolGroup
    rows: list[ToolRow]

    @property
    def is_on(self) -> bool:
        return any(row.policy != "deny" for row in self.rows)

    @property
    def can_run(self) -> bool:
        return any(row.can_run for row in self.rows)

    @cached_property
    def lacking(self) -> Tool | None:
        """The first tool that isn't set up."""
        return next((row.tool for row in self.rows if row.policy != "deny" and not row.can_run), None)

    @property
    def is_to_install(self) -> bool:
        return self.lacking is not None and self.lacking.key == RUN_PYTHON.key


def tools_in(slug: str) -> list[Tool]:
    """Returns the tools of a group; none for one that doesn't exist."""
    return [tool for tool in built_in_tools().values() if tool.group == slug]


def cards() -> list[ToolCard]:
    """Returns the tools that come with Millrace, with what holds for everyone."""
    policies = policies_for(None)
    return [
        ToolCard(group, [ToolRow(tool, policies.of(tool), _choices(tool)) for tool in tools_in(group.slug)])
        for group in TOOL_GROUPS
    ]


def own_cards(person: User) -> list[ToolCard]:
    """Returns a person's tools, those of each server together, with what holds for this person."""
    limits, theirs = own_limits(person), policies_for(person, with_own=False)
    groups = {group.slug: ToolCard(group, []) for group in TOOL_GROUPS}
    for key, tool in tools_of(person).items():
        slug = tool.server_id or tool.group
        card = groups.setdefault(slug, ToolCard(ToolGroup(slug, tool.server, "", "plug"), []))
        card.rows.append(_own_row(tool, limits.get(key, "allow"), theirs.of(tool)))
    return [card for card in groups.values() if card.rows]


def _own_row(tool: Tool, limit: Policy, mildest: Policy) -> ToolRow:
    """Returns a tool as its person decides about it: at least as strictly as `mildest`."""
    at_least = POLICIES.index(mildest)
    choices = {value: words for value, words in _choices(tool).items() if POLICIES.index(value) >= at_least}
    return ToolRow(tool, max(mildest, limit, key=POLICIES.index), choices, mildest)


def _choices(tool: Tool) -> Mapping[Policy, str]:
    """Returns what can be decided; one that asks a person asks anyway."""
    return {value: words for value, words in WORDS.items() if not (tool.is_question and value == "ask")}


def _logged(key: str, detail: str) -> tuple[str, str]:
    """Returns a tool and what was decided about it, for the audit log; `detail` can begin with the name of a group."""
    group, separator, decided = detail.rpartition(": ")
    words = {str(policy): label for policy, label in WORDS.items()} | {**DECIDED}
    tool = built_in_tools().get(key)
    return _(tool.title) if tool else key, group + separator + ", ".join(_(words.get(part, part)) for part in decided.split(", "))


LOGGED_TOOLS = AuditObjects("tool", _logged)
