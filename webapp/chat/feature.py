"""The chat feature: pages, lists, files and shares of chats, and answers as a kind of generation."""

from functools import partial

from webapp.characters.last_chats import LastChats
from webapp.chat import erasing
from webapp.chat.dictation import service as dictation
from webapp.chat.drawing import service as drawing_service
from webapp.chat.files import long_files
from webapp.chat.home.open_work_shown import open_work
from webapp.chat.kind import CHAT, IMPORTED, ROLEPLAY
from webapp.chat.links.service import HOLDER
from webapp.chat.list import paging, search_shown, shown
from webapp.chat.messages import follow_up
from webapp.chat.messages.suggestion import SUGGESTION
from webapp.chat.messages.titles import TITLE
from webapp.chat.presets import service as preset_service, shown as presets_shown
from webapp.chat.projects import service as project_service, shown as projects_shown
from webapp.chat.prompt import leading
from webapp.chat.prompt.built_in import OF_CHATS
from webapp.chat.prompt.context import Contributor
from webapp.chat.prompt.lore import lore_sections
from webapp.chat.prompt.sections import chat_sections
from webapp.chat.reading_aloud import service as reading_aloud
from webapp.chat.record import projects, sharing
from webapp.chat.story.service import STORY
from webapp.chat.texts.changing import CHANGE
from webapp.chat.texts.prompt_sections import text_sections
from webapp.engine.watching.lists import LiveList, LivePage
from webapp.models.connections.models import check_unlisted
from webapp.models.presets import queries as preset_queries
from webapp.models.providers.demo import NO_RECORDINGS, NO_VOICE
from webapp.people.search import SearchSource
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

# What begins an answer, or has one begin later.
SENDING = (
    *(
        "chat.send",
        "chat.go_on",
        "chat.again",
        "messages.save",
        "messages.fork",
        "home.begin",
        "starters.begin",
        "interrupted.continue_all",
    ),
    *("composer.queue", "composer.edit_follow_up", "composer.send_follow_up", "composer.suggest", "story.write_now"),
    "offline.send",
    "drawing",
    *("texts.open", "texts.save", "texts.change", "texts.restore"),
)

FEATURE = Feature(
    modules=("webapp.chat.starters.tables",),
    blueprints=(
        "webapp.chat.home.views:bp",
        "webapp.chat.starters.views:bp",
        "webapp.chat.page.views:bp",
        "webapp.chat.page.preview_views:bp",
        "webapp.chat.page.views:reading",
        "webapp.chat.page.picker_views:bp",
        "webapp.chat.page.side_by_side_views:bp",
        "webapp.chat.presets.views:bp",
        "webapp.chat.page.views:tree",
        "webapp.chat.list.views:bp",
        "webapp.chat.list.views:several",
        "webapp.chat.list.views:row",
        "webapp.chat.list.tag_views:bp",
        "webapp.chat.page.composer_views:bp",
        "webapp.chat.page.prompt_insertion_views:bp",
        "webapp.chat.page.mention_views:bp",
        "webapp.chat.attachments.views:bp",
        "webapp.chat.dictation.views:bp",
        "webapp.chat.page.interrupted_views:bp",
        "webapp.chat.exchange.views:bp",
        "webapp.chat.list.sharing_views:bp",
        "webapp.chat.roleplay.views:bp",
        "webapp.chat.roleplay.variable_views:bp",
        "webapp.chat.roleplay.group_views:bp",
        "webapp.chat.story.views:bp",
        "webapp.chat.texts.views:bp",
        "webapp.chat.drawing.views:bp",
        "webapp.chat.reading_aloud.views:bp",
        "webapp.chat.calls.views:bp",
        "webapp.chat.projects.views:bp",
        "webapp.chat.projects.views:chats",
        "webapp.chat.links.views:bp",
        "webapp.chat.links.views:open_pages",
        "webapp.chat.offline.keeper_views:bp",
        "webapp.chat.offline.views:bp",
    ),
    requires={
        **dict.fromkeys(SENDING, "chat"),
        **dict.fromkeys(("group", "roleplay.begin", "variables"), "characters"),
        "files.bring": "upload",
        "dictation": "chat",
        "projects.add_files": "knowledge",
        "shared.go_on": "chat",
        "side_by_side": "models",
        "links.of_chat": "links",
        "links.of_answer": "links",
        "links.create": "links",
        "links.create_for_answer": "links",
        "calls.choose": "tools",
        "reading_aloud": "chat",
        "composer.switch_web_search": "tools",
    },
    resumes=(long_files.wake,),
    setting_checks={
        leading.COLLECTIONS: leading.check_collections,
        dictation.MODEL: partial(check_unlisted, no_demo=NO_RECORDINGS),
        reading_aloud.MODEL: partial(check_unlisted, no_demo=NO_VOICE),
    },
    brings=(
        Contributor(chat_sections),
        Contributor(lore_sections),
        Contributor(text_sections),
        *(CHAT, ROLEPLAY, IMPORTED, TITLE, SUGGESTION, STORY, CHANGE, drawing_service.KIND, dictation.KIND, reading_aloud.KIND),
        *OF_CHATS,
        *search_shown.SOURCES,
        SearchSource(heading="Presets", rank=46, find=presets_shown.search_hits),
        SearchSource(heading="Projects", rank=5, find=projects_shown.search_hits),
        LastChats(paging.last_with_characters),
        HOLDER,
        *(erasing.CHATS, preset_service.PRESETS, project_service.PROJECTS),
        *(erasing.RUNNING_ANSWERS, erasing.DEPARTURE, follow_up.DEPARTURE, project_service.DEPARTURE),
        *(projects.CONTAINING, sharing.DEPENDENTS),
        LivePage(kind=projects.KIND, is_seen=lambda me, id: projects.project(me, id) is not None),
        LivePage(kind=preset_queries.KIND, is_seen=lambda me, id: preset_queries.preset(me, id) is not None),
        LiveList(
            name="sidebar",
            element="#sidebar-chats",
            swap="innerMorph",
            template="layouts/_sidebar_chats.html",
            changes=("chat", "project", "access"),
            read=lambda me: {"groups": shown.sidebar(me)},
            is_by_row=True,
            is_on_every_page=True,
        ),
        LiveList(
            name="projects",
            element="#projects",
            template="chat/projects/_projects.html",
            changes=("project", "access"),
            read=lambda me: {"projects": projects_shown.listed(me)},
        ),
        LiveList(
            name="open-work",
            element="#open-work",
            template="chat/home/_open_work.html",
            changes=("chat", "plan", "access"),
            read=lambda me: {"work": open_work(me)},
        ),
    ),
    navigation=(
        NavEntry(words="New chat", path="/", icon="plus", rank=10, also="write begin start home"),
        NavEntry(words="All chats", path="/chats", icon="message-square", rank=20, also="list history"),
        NavEntry(words="Projects", path="/projects", icon="folder", rank=25, also="folders instructions", sidebar="Projects"),
        NavEntry(words="Archived", path="/chats?show=archived", icon="archive", rank=30, also="archived"),
        NavEntry(words="Tags", path="/tags", icon="tags", rank=35, also="labels folders"),
        NavEntry(words="Trash", path="/chats/trash", icon="trash-2", rank=40, also="deleted restore"),
        NavEntry(
            words="Variables",
            right="characters",
            path="/characters/variables",
            icon="braces",
            rank=53,
            also="setglobalvar getglobalvar macros",
            sidebar="Characters",
        ),
        NavEntry(
            words="Presets",
            path="/presets",
            icon="layers",
            rank=59,
            also="model parameters system prompt custom gpt assistant",
            sidebar="Prompts",
        ),
        NavEntry(words="Import chats", path="/import", icon="upload", rank=70, also="chatgpt open webui upload"),
        NavEntry(words="Your links", path="/links", icon="link-2", rank=35, also="shared public links share"),
        NavEntry(
            words="Links",
            path="/admin/links",
            icon="link",
            under="People",
            rank=30,
            also="shared public links share",
            right="administer",
            about="Links by which people without an account read chats.",
        ),
        NavEntry(
            words="Home page",
            path="/admin/home",
            icon="house",
            under="System",
            rank=45,
            also="start begin cards suggestions starters",
            right="administer",
            about="What people can start with.",
        ),
    ),
)
