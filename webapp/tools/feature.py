"""The tools feature: the tools that come with it, and their page in the administration."""

from functools import partial

from webapp.models.connections.providers import check_unlisted
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.models.providers.demo import NO_PICTURES
from webapp.tools import search_connections
from webapp.tools.built_in.catalog import ALL
from webapp.tools.servers import keys, offered, service as servers_service, shown as servers_shown, sign_ins
from webapp.tools.shown import LOGGED_TOOLS
from webapp.web.feature import Feature
from webapp.web.health_facts import MoreFacts
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    commands={"tools": "webapp.tools.servers.commands:tools"},
    blueprints=("webapp.tools.views:bp", "webapp.tools.policy_views:bp", "webapp.tools.servers.views:bp"),
    requires={
        "tool_servers": "tools",
        "tool_servers.client_document": "",
        "policies.own": "tools",
        "policies.update_own": "tools",
        "policies.token": "tools",
        "policies.update_token": "tools",
    },
    brings=(
        *ALL,
        search_connections.HOLDER,
        LOGGED_TOOLS,
        offered.MORE_TOOLS,
        keys.HOLDER,
        MoreFacts(servers_shown.chapter),
        servers_service.TOOL_SERVERS,
        sign_ins.DEPARTURE,
    ),
    setting_checks={
        search_connections.ADDRESS: search_connections.check_address,
        PICTURE_MODEL: partial(check_unlisted, no_demo=NO_PICTURES),
    },
    navigation=(
        NavEntry(
            title="Your tools",
            right="tools",
            path="/settings/tools",
            icon="hammer",
            rank=86,
            also="search web policy ask allow deny",
            about="Tools that models can use for you, and when they ask first.",
            is_own=True,
        ),
        NavEntry(
            title="Tools",
            path="/admin/tools",
            icon="wrench",
            under="Models",
            rank=14,
            also="search web searxng brave tavily exa calls mcp",
            right="administer",
            about="Tools that models can use to answer, and where they search the web.",
        ),
    ),
)
