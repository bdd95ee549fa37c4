"""The feature definition of prompts: their pages, and commands that simulate experiments."""

from webapp.people.search import SearchSource
from webapp.prompts import service, shown
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=("webapp.prompts.views:bp",),
    modules=("webapp.prompts.service",),
    commands={"sim": "webapp.prompts.commands:sim"},
    brings=(service.PROMPTS, SearchSource(heading="Prompts", rank=45, find=shown.search_hits)),
    navigation=(
        NavEntry(
            title="Prompts",
            path="/prompts",
            icon="notebook-pen",
            rank=58,
            also="library template instructions version",
            sidebar="Prompts",
        ),
    ),
)
