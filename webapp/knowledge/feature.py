"""The knowledge feature: its pages, its chapter of the health page, and the work that resumes after a restart."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable, exists, func, select

from webapp.base.heavy import bounded
from webapp.base.languages import gettext as _, ngettext
from webapp.base.words import size
from webapp.engine.watching.lists import LiveList
from webapp.knowledge import kind, shown
from webapp.knowledge.changes import WHAT
from webapp.knowledge.documents import importing
from webapp.knowledge.permissions import COLLECTION
from webapp.knowledge.search import index
from webapp.knowledge.tables import Collection, Document
from webapp.knowledge.vectors import embedder, service as vector_service, vector_sets
from webapp.people.accounts.tables import User
from webapp.people.search import SearchSource
from webapp.people.things import grants
from webapp.web.feature import Feature
from webapp.web.health_facts import Chapter, HealthFact, MoreFacts
from webapp.web.navigation import NavEntry

LISTED, PATIENCE_SECONDS = 5, 10.0
BYTES = func.coalesce(func.sum(Document.bytes), 0)


def chapter() -> Chapter:
    """Includes documents in the trash. A collection that isn't shared is not named, because its name is private to its owner."""
    is_shared = exists().where(grants.is_about(COLLECTION, Collection.id.expression)).correlate(Collection)
    statements = (
        select(BYTES, func.count(Document.id)),
        _largest(User.email, by=(User.id, User.email)),
        _largest(Collection.name, User.email, is_shared, by=(Collection.id, Collection.name, User.email)),
    )
    try:
        whole, people, collections = bounded.read(statements, until=time.monotonic() + PATIENCE_SECONDS)
    except bounded.TooLate as late:
        return Chapter("Knowledge", [HealthFact(_("Documents"), late.message, "warn")])
    [(total, count)] = whole
    of_people = [HealthFact(_("Of %(email)s", email=email), _words(*figures)) for email, *figures in people]
    of_collections = [
        HealthFact(name if shared else _("A private collection of %(email)s", email=email), _words(*figures))
        for name, email, shared, *figures in collections
    ]
    return Chapter("Knowledge", [HealthFact(_("Documents"), _words(total, count)), *of_people, *of_collections])


def _words(total: int, count: int) -> str:
    return ngettext("%(size)s in %(num)s document.", "%(size)s in %(num)s documents.", count, size=size(int(total)))


def _largest(*names: Any, by: Sequence[Any]) -> Executable:
    query = select(*names, BYTES, func.count(Document.id)).select_from(Document)
    query = query.join(Collection, Collection.id == Document.collection_id).join(User, User.id == Collection.owner_id)
    return query.group_by(*by).order_by(BYTES.desc(), by[0]).limit(LISTED)


FEATURE = Feature(
    commands={"knowledge": "webapp.knowledge.commands:knowledge"},
    blueprints=("webapp.knowledge.views:bp", "webapp.knowledge.document_views:bp", "webapp.knowledge.trying.views:bp"),
    requires={"knowledge": "knowledge", "documents": "knowledge", "trying": "knowledge"},
    brings=(
        embedder.KIND,
        index.INDEX,
        *(kind.COLLECTIONS, kind.DOCUMENTS, kind.DEPARTURE),
        MoreFacts(chapter),
        SearchSource(heading="Documents", rank=30, find=shown.search_hits),
        LiveList(
            name="collections",
            element="#collections",
            template="knowledge/_collections.html",
            changes=(WHAT, "access"),
            read=lambda me: {"collections": shown.collections(me), "trash": kind.COLLECTIONS.trashed(me)},
        ),
    ),
    navigation=(
        NavEntry(
            title="Knowledge",
            right="knowledge",
            path="/knowledge",
            icon="library",
            rank=55,
            also="documents collections files search passages",
            sidebar="Knowledge",
        ),
    ),
    setting_checks={vector_sets.SETTING: vector_sets.refuse_unknown},
    resumes=(importing.wake, vector_service.wake),
)
