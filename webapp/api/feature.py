"""The API as a feature: the native API, the dialects of older clients, and the OpenAPI document."""

from webapp.api import metrics, pages
from webapp.api.dialects.assistant import views as assistant
from webapp.api.dialects.openai import views as openai
from webapp.api.dialects.plans import views as plans
from webapp.api.dialects.quick import views as quick
from webapp.api.dialects.roleplay import views as roleplay
from webapp.api.dialects.threads import views as threads
from webapp.api.native import (
    alerts,
    budgets,
    capabilities,
    characters,
    chats,
    collections,
    connections,
    documents,
    exchange,
    experiments,
    files,
    follow_ups,
    generations,
    groups,
    insights,
    lorebooks,
    mail,
    messages,
    models,
    own,
    people,
    personas,
    prompts,
    questions,
    runs,
    settings,
    stories,
    suggestions,
    usage,
    variables,
    workflows,
)
from webapp.feature import Feature
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(
        chats.bp,
        messages.bp,
        files.bp,
        follow_ups.bp,
        suggestions.bp,
        stories.bp,
        generations.bp,
        models.bp,
        own.bp,
        variables.bp,
        usage.bp,
        insights.bp,
        experiments.bp,
        budgets.bp,
        alerts.bp,
        exchange.bp,
        capabilities.bp,
        settings.bp,
        connections.bp,
        mail.bp,
        people.bp,
        groups.bp,
        characters.bp,
        personas.bp,
        lorebooks.bp,
        collections.bp,
        documents.bp,
        questions.bp,
        prompts.bp,
        workflows.bp,
        runs.bp,
        pages.bp,
        metrics.bp,
        roleplay.bp,
        quick.bp,
        threads.bp,
        assistant.bp,
        plans.bp,
        openai.bp,
    ),
    places=(Place(words="API", path="/api", icon="code", rank=100, also="programs openapi reference"),),
)
