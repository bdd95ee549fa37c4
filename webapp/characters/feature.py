"""The feature definition of characters, personas and lorebooks: blueprints and entries in the navigation."""

from webapp.characters import profiles, queries
from webapp.characters.lore import service as lore_service
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
        queries.SEEN_CHARACTERS.source(heading="Characters", rank=40, path="/characters", icon="drama"),
    ),
    navigation=(
        NavEntry(
            title="Characters",
            right="characters",
            path="/characters",
            icon="drama",
            rank=50,
            also="roleplay card",
            sidebar="Characters",
        ),
        NavEntry(
            title="Personas",
            path="/personas",
            icon="contact",
            rank=51,
            also="who you are",
            sidebar="Characters",
            right="characters",
        ),
        NavEntry(
            title="Lorebooks",
            path="/lorebooks",
            icon="book-marked",
            rank=52,
            also="world info lore",
            sidebar="Characters",
            right="characters",
        ),
    ),
)
