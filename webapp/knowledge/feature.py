"""The knowledge feature: its pages, and the background work that reads documents and resumes after a restart."""

from webapp.engine.watching.lists import LiveList
from webapp.knowledge import disk_use, shown, vector_sets, views
from webapp.knowledge.changes import WHAT
from webapp.knowledge.documents import importing
from webapp.knowledge.documents import views as document_views
from webapp.knowledge.search import reindexing
from webapp.knowledge.trying import views as try_views
from webapp.knowledge.vectors import embedder, embedding
from webapp.web.feature import Feature
from webapp.web.health_facts import MoreFacts
from webapp.web.places import Place

FEATURE = Feature(
    commands={"knowledge": "webapp.knowledge.commands:knowledge"},
    blueprints=(views.bp, document_views.bp, try_views.bp),
    brings=(
        embedder.KIND,
        reindexing.INDEX,
        MoreFacts(disk_use.chapter),
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
