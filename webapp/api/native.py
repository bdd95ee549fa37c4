"""Everything that is served of the native API, and its document."""

from webapp.api import (
    capabilities,
    characters,
    chats,
    connections,
    exchange,
    follow_ups,
    generations,
    messages,
    models,
    own,
    pages,
    people,
    personas,
    settings,
    usage,
)

BLUEPRINTS = (
    chats.bp,
    messages.bp,
    follow_ups.bp,
    generations.bp,
    models.bp,
    own.bp,
    usage.bp,
    exchange.bp,
    capabilities.bp,
    settings.bp,
    connections.bp,
    people.bp,
    characters.bp,
    personas.bp,
    pages.bp,
)
