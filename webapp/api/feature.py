"""The API as a feature: the native API, the dialects of older clients, the MCP server, and the OpenAPI document."""

from webapp.api import pages, program_rounds
from webapp.api.completions import DOOR
from webapp.api.dialects import assistant
from webapp.api.dialects.openai import views as openai
from webapp.api.dialects.plans import views as plans
from webapp.api.dialects.quick import views as quick
from webapp.api.dialects.roleplay import views as roleplay
from webapp.api.dialects.threads import views as threads
from webapp.api.mcp import views as mcp
from webapp.api.native import (
    account,
    alerts,
    budgets,
    characters,
    chat_search,
    chats,
    collections,
    documents,
    experiments,
    generations,
    identity_providers,
    insights,
    links,
    lorebooks,
    messages,
    model_rules,
    models,
    people,
    permissions,
    personas,
    presets,
    projects,
    prompts,
    server,
    starters,
    tags,
    tool_servers,
    tools,
    workflows,
)
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

# What begins an answer, or has one begin later.
SENDING = (
    *("api_chats.create", "api_messages.send", "api_messages.edit", "api_messages.rewrite", "api_messages.again"),
    *("api_messages.go_on", "api_generations.go_on", "api_follow_ups", "api_suggestions", "api_stories.write_now"),
    *("api_quick", "api_assistant", "api_roleplay.send", "api_threads.send", "api_threads.send_and_watch", "api_door.complete"),
)

FEATURE = Feature(
    blueprints=(
        chats.bp,
        chat_search.bp,
        messages.bp,
        messages.feedback_bp,
        messages.files_bp,
        messages.follow_ups_bp,
        messages.suggestions_bp,
        chats.stories_bp,
        links.bp,
        generations.bp,
        model_rules.bp,
        models.bp,
        account.bp,
        account.variables_bp,
        insights.usage_bp,
        insights.bp,
        experiments.bp,
        budgets.bp,
        alerts.bp,
        account.exchange_bp,
        server.capabilities_bp,
        server.bp,
        models.connections_bp,
        server.mail_bp,
        people.bp,
        people.groups_bp,
        identity_providers.bp,
        permissions.bp,
        characters.bp,
        personas.bp,
        lorebooks.bp,
        projects.bp,
        collections.bp,
        documents.bp,
        collections.questions_bp,
        presets.bp,
        prompts.bp,
        starters.bp,
        tags.bp,
        tools.bp,
        tool_servers.bp,
        workflows.bp,
        workflows.runs_bp,
        pages.bp,
        server.metrics_bp,
        roleplay.bp,
        quick.bp,
        threads.bp,
        assistant.bp,
        plans.bp,
        openai.bp,
        mcp.bp,
    ),
    requires={
        **dict.fromkeys(SENDING, "chat"),
        **dict.fromkeys(("api_characters", "api_personas", "api_lorebooks", "api_variables"), "characters"),
        **dict.fromkeys(("api_collections", "api_documents", "api_questions"), "knowledge"),
        **dict.fromkeys(("api_workflows", "api_runs"), "workflows"),
        **dict.fromkeys(("api_tool_servers", "api_mcp"), "tools"),
        "api_plans": "plans",
        "api_files.create": "upload",
        "api_projects.add_files": "knowledge",
        "api_links.create": "links",
        "api_account.create": "api",
    },
    resumes=(program_rounds.wake,),
    brings=(DOOR,),
    navigation=(NavEntry(words="API", path="/api", icon="code", rank=100, also="programs openapi reference"),),
)
