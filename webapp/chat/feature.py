"""Chats and their answers: kinds of generation, what a prompt is made of, and what belongs to a chat's messages."""

from functools import partial

from webapp.chat import erasing
from webapp.chat.dictation import service as dictation
from webapp.chat.facts import forgetting
from webapp.chat.files import long_files
from webapp.chat.folds.writing import FOLD
from webapp.chat.kind import CHAT, IMPORTED, ROLEPLAY
from webapp.chat.messages import follow_up
from webapp.chat.messages.suggestion import SUGGESTION
from webapp.chat.messages.titles import TITLE
from webapp.chat.prompt import leading
from webapp.chat.prompt.built_in import OF_CHATS
from webapp.chat.prompt.context import Contributor
from webapp.chat.prompt.lore import lore_sections
from webapp.chat.prompt.sections import chat_sections
from webapp.chat.proposals.proposing import FACTS
from webapp.chat.record import projects, sharing
from webapp.models.connections.providers import check_unlisted
from webapp.models.connections.purposes import DICTATION_MODEL
from webapp.models.providers.demo import NO_RECORDINGS
from webapp.web.feature import Feature

FEATURE = Feature(
    blueprints=(
        "webapp.chat.attachments.views:bp",
        "webapp.chat.dictation.views:bp",
        "webapp.chat.folds.views:bp",
        "webapp.chat.calls.views:bp",
    ),
    requires={
        "files.bring": "upload",
        "dictation": "chat",
        "calls.choose": "tools",
    },
    resumes=(long_files.wake,),
    setting_checks={
        leading.COLLECTIONS: leading.check_collections,
        DICTATION_MODEL: partial(check_unlisted, no_demo=NO_RECORDINGS),
    },
    brings=(
        Contributor(chat_sections),
        Contributor(lore_sections),
        *(CHAT, ROLEPLAY, IMPORTED, TITLE, SUGGESTION, FOLD, FACTS, dictation.KIND),
        *OF_CHATS,
        *(erasing.CHATS, erasing.RUNNING_ANSWERS, erasing.DEPARTURE, follow_up.DEPARTURE),
        *(projects.CONTAINING, sharing.DEPENDENTS, forgetting.SAYING_MESSAGES, forgetting.DEPARTURE, forgetting.REMOVAL),
    ),
)
