"""Apps with a tool server that many people use: their names, addresses and ways to sign in."""

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.tools.servers.tables import SignIn


@dataclass(frozen=True, slots=True)
class KnownServer:
    """`about` says what models can do there; `help` says where its token is from, if it takes one."""

    slug: str
    name: str
    about: str
    url: str
    sign_in: SignIn = "oauth"
    help: str = ""


KNOWN: Mapping[str, KnownServer] = {
    server.slug: server
    for server in (
        KnownServer(
            "github",
            "GitHub",
            "Repositories, issues and pull requests.",
            "https://api.githubcopilot.com/mcp/",
            "bearer",
            "A personal access token, from GitHub → Settings → Developer settings.",
        ),
        KnownServer("notion", "Notion", "Pages and databases.", "https://mcp.notion.com/mcp"),
        KnownServer("linear", "Linear", "Issues and projects.", "https://mcp.linear.app/mcp"),
        KnownServer("atlassian", "Jira and Confluence", "Issues and pages.", "https://mcp.atlassian.com/v1/mcp"),
        KnownServer("todoist", "Todoist", "Tasks and projects.", "https://ai.todoist.net/mcp"),
        KnownServer("sentry", "Sentry", "Errors in your apps.", "https://mcp.sentry.dev/mcp"),
        KnownServer("stripe", "Stripe", "Customers, payments and invoices.", "https://mcp.stripe.com"),
        KnownServer("monday", "monday.com", "Boards and items.", "https://mcp.monday.com/mcp"),
        KnownServer("hugging-face", "Hugging Face", "Models, data sets and papers.", "https://huggingface.co/mcp", "none"),
        KnownServer("deepwiki", "DeepWiki", "Questions about public repositories.", "https://mcp.deepwiki.com/mcp", "none"),
        KnownServer("context7", "Context7", "Library documentation.", "https://mcp.context7.com/mcp", "none"),
        KnownServer(
            "microsoft-learn", "Microsoft Learn", "Microsoft documentation.", "https://learn.microsoft.com/api/mcp", "none"
        ),
        KnownServer(
            "home-assistant",
            "Home Assistant",
            "Lights, sensors and heating in your home.",
            "http://homeassistant.local:8123/api/mcp",
            "bearer",
            "A long-lived access token, from your profile there.",
        ),
    )
}
