"""The pages of chats: home, the chat's page, lists, projects, presets, texts, links, import and export."""

from functools import partial

from webapp.characters.last_chats import LastChats
from webapp.chat.facts import queries as fact_queries
from webapp.chat.facts.scopes import OtherReaders
from webapp.chat.prompt.context import Contributor
from webapp.engine.watching.lists import LiveList
from webapp.models.connections.providers import check_unlisted
from webapp.models.connections.purposes import READING_MODEL
from webapp.models.presets import queries as preset_queries
from webapp.models.providers.demo import NO_VOICE
from webapp.people.search import SearchSource
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry
from webapp.workspace.drawing import service as drawing_service
from webapp.workspace.exchange import arrivals, shown as import_shown, uploads
from webapp.workspace.exchange.export import OwnRecords
from webapp.workspace.home.open_work_shown import open_work
from webapp.workspace.links.service import HOLDER, is_read_live
from webapp.workspace.list import paging, search_shown, shown
from webapp.workspace.presets import service as preset_service
from webapp.workspace.projects import service as project_service, shown as projects_shown
from webapp.workspace.reading_aloud import service as reading_aloud
from webapp.workspace.texts.changing import CHANGE
from webapp.workspace.texts.prompt_sections import text_sections

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
    *("composer.queue", "composer.edit_follow_up", "composer.send_follow_up", "composer.suggest"),
    "offline.send",
    "drawing",
    *("texts.open", "texts.save", "texts.change", "texts.restore"),
)

FEATURE = Feature(
    modules=("webapp.workspace.home.starters.tables",),
    blueprints=(
        "webapp.workspace.home.views:bp",
        "webapp.workspace.home.starters.views:bp",
        "webapp.workspace.page.views:bp",
        "webapp.workspace.previews.views:bp",
        "webapp.workspace.page.views:reading",
        "webapp.workspace.page.picker_views:bp",
        "webapp.workspace.page.side_by_side_views:bp",
        "webapp.workspace.presets.views:bp",
        "webapp.workspace.quoted.views:bp",
        "webapp.workspace.facts.views:bp",
        "webapp.workspace.page.views:tree",
        "webapp.workspace.list.views:bp",
        "webapp.workspace.list.views:several",
        "webapp.workspace.list.views:row",
        "webapp.workspace.list.tag_views:bp",
        "webapp.workspace.page.composer_views:bp",
        "webapp.workspace.page.prompt_insertion_views:bp",
        "webapp.workspace.page.mention_views:bp",
        "webapp.workspace.page.interrupted_views:bp",
        "webapp.workspace.exchange.views:bp",
        "webapp.workspace.list.sharing_views:bp",
        "webapp.workspace.roleplay.views:bp",
        "webapp.workspace.roleplay.variable_views:bp",
        "webapp.workspace.roleplay.group_views:bp",
        "webapp.workspace.texts.views:bp",
        "webapp.workspace.texts.preview_views:bp",
        "webapp.workspace.drawing.views:bp",
        "webapp.workspace.reading_aloud.views:bp",
        "webapp.workspace.projects.views:bp",
        "webapp.workspace.projects.views:chats",
        "webapp.workspace.links.views:bp",
        "webapp.workspace.links.views:open_pages",
        "webapp.workspace.links.block_views:bp",
        "webapp.workspace.frame.offline.keeper_views:bp",
        "webapp.workspace.frame.offline.views:bp",
    ),
    requires={
        **dict.fromkeys(SENDING, "chat"),
        **dict.fromkeys(("group", "roleplay.begin", "variables"), "characters"),
        "projects.add_files": "knowledge",
        "quoted": "knowledge",
        "shared.go_on": "chat",
        "side_by_side": "models",
        "links.of_chat": "links",
        "links.of_answer": "links",
        "links.create": "links",
        "links.create_for_answer": "links",
        "texts.links": "links",
        "texts.publish": "links",
        "reading_aloud": "chat",
        "composer.switch_web_search": "tools",
    },
    resumes=(uploads.resume,),
    setting_checks={
        READING_MODEL: partial(check_unlisted, no_demo=NO_VOICE),
    },
    brings=(
        Contributor(text_sections),
        *(CHANGE, drawing_service.KIND, reading_aloud.KIND),
        OtherReaders(is_read_live),
        OwnRecords("facts.json", fact_queries.records),
        *search_shown.SOURCES,
        preset_queries.SEEN_PRESETS.source(heading="Presets", rank=46, path="/presets", icon="layers"),
        SearchSource(heading="Projects", rank=5, find=projects_shown.search_hits),
        LastChats(paging.last_with_characters),
        HOLDER,
        *(preset_service.PRESETS, project_service.PROJECTS, project_service.DEPARTURE, uploads.DEPARTURE),
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
            name="import",
            element="#import",
            template="workspace/exchange/_import.html",
            changes=(arrivals.WHAT,),
            read=lambda me: {"running": import_shown.running(me.id)},
        ),
        LiveList(
            name="projects",
            element="#projects",
            template="workspace/projects/_projects.html",
            changes=("project", "access"),
            read=lambda me: {"projects": projects_shown.listed(me), "trash": project_service.PROJECTS.trashed(me)},
        ),
        LiveList(
            name="open-work",
            element="#open-work",
            template="workspace/home/_open_work.html",
            changes=("chat", "plan", "access"),
            read=lambda me: {"work": open_work(me)},
        ),
    ),
    navigation=(
        NavEntry(title="New chat", path="/", icon="plus", rank=10, also="write begin start home"),
        NavEntry(title="All chats", path="/chats", icon="message-square", rank=20, also="list history"),
        NavEntry(title="Projects", path="/projects", icon="folder", rank=25, also="folders instructions", sidebar="Projects"),
        NavEntry(title="Archived", path="/chats?show=archived", icon="archive", rank=30, also="archived"),
        NavEntry(title="Tags", path="/tags", icon="tags", rank=35, also="labels folders"),
        NavEntry(title="Trash", path="/chats/trash", icon="trash-2", rank=40, also="deleted restore"),
        NavEntry(
            title="Variables",
            right="characters",
            path="/characters/variables",
            icon="braces",
            rank=53,
            also="setglobalvar getglobalvar macros",
            sidebar="Characters",
        ),
        NavEntry(
            title="Presets",
            path="/presets",
            icon="layers",
            rank=59,
            also="model parameters system prompt custom gpt assistant",
            sidebar="Prompts",
        ),
        NavEntry(title="Import chats", path="/import", icon="upload", rank=70, also="chatgpt open webui upload"),
        NavEntry(title="Your links", path="/links", icon="link-2", rank=35, also="shared public links share"),
        NavEntry(
            title="Links",
            path="/admin/links",
            icon="link",
            under="People",
            rank=30,
            also="shared public links share",
            right="administer",
            about="Links that let people without an account read chats.",
        ),
        NavEntry(
            title="Home page",
            path="/admin/home",
            icon="house",
            under="System",
            rank=45,
            also="start begin cards suggestions starters",
            right="administer",
            about="The cards on the home page.",
        ),
    ),
)
