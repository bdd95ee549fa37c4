"""The feature definition of characters, personas and lorebooks: blueprints and entries in the navigation."""

from webapp.characters import profiles, queries, shown
from webapp.characters.lore import queries as lore_queries, service as lore_service
from webapp.engine.watching.lists import LivePage
from webapp.people.search import SearchSource
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=(
        "webapp.characters.views:bp",
        "webapp.characters.views:cards_bp",
        "webapp.characters.greeting_views:bp",
        "webapp.characters.lore_views:bp",
        "webapp.characters.personas.views:bp",
        "webapp.characters.picture_views:bp",
        "webapp.characters.script_views:bp",
        "webapp.characters.lore.views:bp",
    ),
    requires={
        **dict.fromkeys(
            ("characters", "cards", "character_lore", "greetings", "personas", "pictures", "scripts", "lore"), "characters"
        ),
        # Shown beside messages.
        **dict.fromkeys(("characters.avatar", "personas.avatar", "pictures.show"), ""),
    },
    brings=(
        profiles.CHARACTERS,
        lore_service.LOREBOOKS,
        profiles.PERSONAS,
        SearchSource(heading="Characters", rank=40, find=shown.search_hits),
        LivePage(kind=queries.KIND, is_seen=lambda me, id: queries.character(me, id) is not None, requires="characters"),
        LivePage(kind=lore_queries.KIND, is_seen=lambda me, id: lore_queries.lorebook(me, id) is not None, requires="characters"),
    ),
    navigation=(
        NavEntry(
            words="Characters",
            right="characters",
            path="/characters",
            icon="drama",
            rank=50,
            also="roleplay card",
            sidebar="Characters",
        ),
        NavEntry(
            words="Personas",
            path="/personas",
            icon="contact",
            rank=51,
            also="who you are",
            sidebar="Characters",
            right="characters",
        ),
        NavEntry(
            words="Lorebooks",
            path="/lorebooks",
            icon="book-marked",
            rank=52,
            also="world info lore",
            sidebar="Characters",
            right="characters",
        ),
    ),
)
