"""The knowledge feature: its pages, and the background work that reads documents and resumes after a restart."""

from webapp.feature import Feature
from webapp.knowledge import (
    disk_use,  # noqa: F401  it adds a chapter to health
    document_views,
    embedder,
    embedding,
    importing,
    inheriting,  # noqa: F401  called when a person is removed
    reindexing,
    shown,
    try_views,
    vector_sets,
    views,
)
from webapp.knowledge.changes import WHAT
from webapp.live.lists import LiveList
from webapp.web.places import Place

FEATURE = Feature(
    commands={"knowledge": "webapp.knowledge.commands:knowledge"},
    blueprints=(views.bp, document_views.bp, try_views.bp),
    brings=(
        embedder.KIND,
        reindexing.INDEX,
        LiveList(
            name="collections",
            element="#collections",
            template="knowledge/_collections.html",
            changes=(WHAT, "access"),
            read=lambda me: {"collections": shown.collections(me)},
        ),
    ),
    places=(
        Place(
            words="Knowledge",
            path="/knowledge",
            icon="library",
            rank=55,
            also="documents collections files search passages",
            sidebar=("/knowledge",),
        ),
    ),
    setting_checks={vector_sets.SETTING: vector_sets.refuse_unknown},
    resumes=(importing.wake, embedding.wake),
)
