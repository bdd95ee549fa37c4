"""Every setting, as data: its type and bounds, which `Setting.parse` in `kinds.py` checks; `setting(NAME)` reads it. Pure."""

from collections.abc import Mapping

from webapp.settings.kinds import Setting


def _seconds(
    name: str, title: str, default: int, sentence: str, *, most: int = 86_400, config: str = "", per: int = 1
) -> Setting:
    return Setting(name, title, "number", default, f"{sentence} 0 means no limit.", most=most, config=config, per=per)


def _limit(name: str, title: str, default: int, sentence: str, *, most: int = 1_000_000) -> Setting:
    return Setting(name, title, "whole", default, f"{sentence} 0 means no limit.", most=most)


def _whole(name: str, title: str, default: int, sentence: str, *, most: int) -> Setting:
    return Setting(name, title, "whole", default, sentence, least=1, most=most)


def _days(name: str, title: str, default: int, sentence: str) -> Setting:
    return Setting(name, title, "whole", default, f"{sentence} 0 means forever.", most=36_500)


def _switch(name: str, title: str, sentence: str, *, is_on: bool = True) -> Setting:
    return Setting(name, title, "switch", is_on, sentence)


def _text(name: str, title: str, sentence: str, *, default: str = "", config: str = "") -> Setting:
    return Setting(name, title, "text", default, sentence, config=config)


def _choice(name: str, title: str, choices: tuple[str, ...], default: str, sentence: str) -> Setting:
    return Setting(name, title, "choice", default, sentence, choices=choices)


_LATER = "After that, it is written without them, and says so."
_WAITS_FOR_SOURCES = f"How long an answer waits for passages from its collections. {_LATER}"
_WAITS_FOR_FILES = f"How long an answer waits until the long files of its chat are read. {_LATER}"
_WHOLE = "The longest file that models are sent whole. Longer ones are read as documents, and answers quote passages of them."
_UNSENT = "How many days files that were added to a message, but never sent, are kept."
_NIGHTLY = "A copy of the database and files, test-restored and compared row by row. SQLite only."
_HOUR = "The hour it starts, by the server's clock. Choose a quiet one."
_FACTS = "Kept facts beyond this are left out, those first that share the fewest words with the message. 0 sends none."
_FOLD = "What no longer fits a model's context goes to it in a short form; off leaves it out. Each chat can override this."
_STREAM = (
    _switch("stream.enabled", "Show answers as they are written", "If off, an answer appears when it is complete."),
    _seconds(
        "stream.first_byte_seconds", "First-text timeout, in seconds", 60, "How long to wait for a model to start, per attempt."
    ),
    _seconds(
        "stream.ladder_seconds",
        "Timeout for all attempts, in seconds",
        120,
        "How long all attempts together may take before the first text.",
    ),
    _seconds("stream.stall_seconds", "Stall timeout, in seconds", 60, "How long a model may pause in the middle of an answer."),
    _seconds(
        "stream.total_seconds",
        "Answer timeout, in seconds",
        3600,
        "The longest one answer may take.",
        most=1_000_000,
        config="streaming_timeout_ms",
        per=1000,
    ),
    _seconds(
        "stream.idle_listener_seconds",
        "Continue without a reader, in seconds",
        300,
        "How long an answer that needs a connected reader keeps running without one.",
    ),
    Setting(
        "stream.journal_ms",
        "Save interval, in milliseconds",
        "whole",
        250,
        "How often running answers are saved, which limits what a power outage can lose.",
        least=10,
        most=10_000,
    ),
    Setting(
        "stream.coalesce_ms",
        "Batch interval, in milliseconds",
        "whole",
        40,
        "Text that arrives within this time is sent to browsers in one batch.",
        most=1000,
    ),
    Setting(
        "stream.read_size",
        "Read size, in bytes",
        "whole",
        65_536,
        "The most bytes read from a model at a time.",
        least=1,
        most=2**24,
        config="streaming_chunk_size",
    ),
    _choice(
        "dialects.quick_format",
        "Quick chat API format",
        ("text", "html"),
        "text",
        "What programs that don't choose a format get: text with its Markdown, or HTML for pages that show it unchanged.",
    ),
)
_LIMITS = (
    _limit("limits.streams_per_minute", "Answers per minute", 20, "How many answers a person can start per minute, on average."),
    _whole(
        "limits.streams_burst",
        "Answer burst limit",
        10,
        "How many answers a person can start in a row after a pause, before the per-minute limit applies.",
        most=1_000_000,
    ),
    _limit("limits.concurrent_streams", "Concurrent answers", 4, "How many answers a person can have in progress at once."),
    _limit(
        "limits.sse_per_chat",
        "Open pages per chat",
        8,
        "How many live connections a person can have to one chat; pages that share one count as a "
        "quarter. Beyond that, the oldest is closed.",
    ),
    _limit("limits.sse_per_user", "Open pages per person", 16, "How many live connections a person can have in total."),
    Setting(
        "limits.queue_seconds",
        "Queue timeout, in seconds",
        "whole",
        10,
        "How long a request for an answer is queued while MAX_STREAMS answers are in progress before it's "
        "refused. 0 refuses it immediately.",
        # Many proxies give up a request after 60 s.
        most=50,
    ),
    _limit("limits.gateway_per_minute", "Gateway: answers per minute", 600, "How many answers a gateway can start per minute."),
    _limit(
        "limits.gateway_at_once", "Gateway: concurrent answers", 100, "How many answers a gateway can have in progress at once."
    ),
    _limit("limits.gateway_streams", "Gateway: streams", 100, "How many streams can deliver answers to a gateway at once."),
    _limit("limits.message_chars", "Message length", 200_000, "The most characters in a message.", most=10**7),
    _limit("limits.answer_chars", "Answer length", 2_000_000, "The most characters in an answer; it ends there.", most=10**7),
    _limit(
        "limits.connections_per_address",
        "Connections per address",
        60,
        "How many connections one address can have open before anyone signs in, and one person after signing in. "
        "Behind a trusted proxy, requests in progress are counted instead.",
    ),
    _limit(
        "limits.made_per_minute",
        "New items per minute",
        60,
        "Chats, characters, personas, plans, imports, pictures, tokens and invites a person can create per minute, on average.",
    ),
    _whole(
        "limits.made_burst",
        "New item burst limit",
        100,
        "How many of these items a person can create in a row after a pause, before the per-minute limit applies.",
        most=1_000_000,
    ),
    _limit("limits.plans_per_month", "Plans per month", 0, "How many plans a person can create per month."),
    _limit("limits.schedules", "Schedules per person", 20, "How many schedules a person can have.", most=1_000),
    _whole(
        "limits.schedule_minutes", "Minutes between runs of a schedule", 15, "The shortest time between two runs.", most=10_080
    ),
)
_KEEPING = (
    _days(
        "chats.days",
        "Keep chats, in days",
        0,
        "How many days without activity before a chat moves to the trash, with a week's warning. Pinned and kept chats stay. "
        "Groups can have their own rule.",
    ),
    _days(
        "trash.days",
        "Keep deleted chats, in days",
        30,
        "How many days deleted items stay in the trash before they are deleted permanently.",
    ),
    _whole("uploads.days", "Keep unsent files, in days", 7, _UNSENT, most=36_500),
    _days(
        "traces.days",
        "Keep what was sent, in days",
        0,
        "How many days to keep what was sent to models for an answer, shown in its receipt as What was sent.",
    ),
    _days("audit.days", "Keep the audit log, in days", 365, "How many days audit log entries are kept."),
    _days(
        "insights.days",
        "Keep insights, in days",
        0,
        "How many days daily totals are kept, and the records of answers in deleted chats. At least 62, for budgets.",
    ),
    _choice(
        "restart.policy",
        "After a restart",
        ("continue", "ask", "never"),
        "continue",
        "Whether answers interrupted by a restart continue automatically, wait until you continue them, or stay as they are.",
    ),
)
_BACKUP = (
    _switch("backup.nightly", "Back up every night", _NIGHTLY),
    Setting("backup.hour", "Backup hour", "whole", 3, _HOUR, most=23),
)
_KNOWLEDGE = (
    _limit("knowledge.file_megabytes", "File size, in MB", 50, "The largest file that can be added to a collection.", most=1_000),
    _limit("knowledge.collection_documents", "Documents per collection", 2_000, "How many documents a collection can have."),
    _limit(
        "knowledge.collection_characters",
        "Characters per collection",
        50_000_000,
        "How much text a collection can have.",
        most=10**11,
    ),
    _limit(
        "knowledge.person_characters",
        "Characters per person",
        100_000_000,
        "How much text a person's own collections can have together.",
        most=10**11,
    ),
    Setting("knowledge.search_seconds", "Time for sources", "number", 1, _WAITS_FOR_SOURCES, least=0.05, most=60),
    _text(
        "knowledge.embedding_model",
        "Embedding model",
        "The model that embeds collections, so that they are also found by meaning: openai/text-embedding-3-small, or one of "
        "another connection, such as ollama:nomic-embed-text. Empty means by words only. A collection can have another one.",
    ),
    Setting(
        "knowledge.nearness",
        "Minimum similarity",
        "number",
        0.35,
        "How similar a passage must be to be found even if it shares no word with the question, from 0 (unrelated) "
        "to 1 (identical).",
        most=1,
    ),
    Setting(
        "knowledge.meaning_weight",
        "Semantic weight",
        "number",
        1,
        "How much a passage's rank by meaning counts; its rank by words counts 2. 0 means by words only.",
        most=20,
    ),
    _whole(
        "knowledge.vector_megabytes",
        "Memory for vectors, in MB",
        512,
        "The most that each worker keeps in memory. Collections that don't fit are found by words only.",
        most=1_000_000,
    ),
)
_FILES = (
    _limit("files.megabytes", "File size, in MB", 50, "The largest file that can be sent in a chat.", most=1_000),
    Setting("files.whole_tokens", "Tokens per file in a message", "whole", 8_000, _WHOLE, least=500, most=50_000),
    Setting("files.reading_seconds", "Time for long files", "number", 20, _WAITS_FOR_FILES, most=100),
    _limit(
        "files.person_megabytes", "Files per person, in MB", 2_000, "How much space a person's files can take up.", most=10**7
    ),
)
_SEARCH_KINDS = ("none", "duckduckgo", "wikipedia", "searxng", "brave", "tavily", "exa")
_SEARCHES = "Where models search the web. The service gets the search terms and nothing about the person."
_THEN = "for a person to let it continue, answer now or stop."
_OUTSIDE_RULE = (
    "After an answer has read outside content, any tool that could send data asks first. If off, "
    "individual tools can be exempted on their own pages; all others still follow the rule."
)
_PERSONAL_SERVERS = "Whether people can connect their own apps, at public addresses. Only their own answers can use them."
_TOOLS = (
    _switch("tools.enabled", "Tools", "Whether models can use tools."),
    _whole("tools.rounds", "Rounds", 12, f"How often one answer can go back to the model. Then it waits {_THEN}", most=100),
    _whole("tools.calls", "Calls", 40, f"How many tool calls one answer can make. Then it waits {_THEN}", most=1_000),
    _limit("tools.seconds", "Seconds", 600, f"How long one answer can run at a time. Then it waits {_THEN}", most=100_000),
    _limit(
        "tools.chars",
        "Size of all results, in characters",
        1_000_000,
        f"How much tool calls can return in total. Then the answer waits {_THEN}",
        most=10**8,
    ),
    Setting(
        "tools.usd",
        "Cost, in dollars",
        "number",
        0,
        f"How much one answer can cost. Then it waits {_THEN} 0 means no limit.",
        most=1_000,
    ),
    Setting(
        "tools.result_chars",
        "Size of a result, in characters",
        "whole",
        64_000,
        "How much of a tool's result is kept and sent to the model.",
        least=1_000,
        most=1_000_000,
    ),
    _switch("tools.outside_rule", "Outside rule for every tool", _OUTSIDE_RULE),
    _limit("tools.waiting_days", "Days to wait", 7, "How long an answer waits for a person before it is stopped.", most=3_650),
    _switch("tools.personal_servers", "Personal apps", _PERSONAL_SERVERS, is_on=False),
)
_WEB_SEARCH = (
    _choice("tools.search_kind", "Web search", _SEARCH_KINDS, "none", _SEARCHES),
    _text(
        "tools.search_address",
        "Address of the web search",
        "The address of the SearXNG server, such as http://localhost:8888, or another Wikipedia's, such as "
        "https://de.wikipedia.org/w/api.php. If empty, the usual one of the service.",
    ),
)
_PICTURES = (
    _text(
        "tools.picture_model",
        "Picture model",
        "The model that creates pictures, from a connection that offers /images/generations, such as "
        "openai:gpt-image-1. If empty, a suitable one that a connection lists; off turns this off.",
    ),
)
_VOICE = (
    _text(
        "voice.dictation_model",
        "Model for dictation",
        "The model that transcribes speech, from a connection that offers /audio/transcriptions, such as "
        "openai:gpt-4o-mini-transcribe. If empty, a suitable one that a connection lists; off turns dictation "
        "off.",
    ),
    _text(
        "voice.reading_model",
        "Model for reading aloud",
        "The model that reads answers aloud, from a connection that offers /audio/speech, such as "
        "openai:gpt-4o-mini-tts. If empty, a suitable one that a connection lists; with off, browsers use "
        "their own voices.",
    ),
    _text(
        "voice.reading_voice",
        "Reading voice",
        "The voice of that model, such as alloy. If empty, the model's usual one, which some servers don't have.",
    ),
)
_DEMO = (
    _choice(
        "demo.fallback",
        "Use the demo",
        ("off", "when_no_key", "always"),
        "when_no_key",
        "When the demo answers in place of a model. Its answers are labeled.",
    ),
    _switch("demo.visitors", "Demo for visitors", "Whether people without an account can try the demo, at /ai-demo."),
)
_PERSONAL = (
    "Whether people can use their own keys for servers you allow, or also their own servers at public "
    "addresses. Only they can use those models, and no budget counts them."
)
_MODELS = (
    _text(
        "models.default",
        "Default model",
        "The model for new chats. If empty, the connection's default.",
        config="openrouter_model",
    ),
    Setting(
        "models.fallbacks",
        "Fallbacks",
        "list",
        (),
        "Models to try when one fails, in this order. The chat shows when this happens.",
    ),
    _text(
        "models.titles",
        "Chat titles",
        "The model that names a chat after its first answer. If empty, the chat's own model; off uses the first words.",
    ),
    _choice("context.fold", "Fold long chats", ("on", "off"), "on", _FOLD),
    Setting(
        "context.fold_at",
        "Fold from, in percent of a model's context",
        "whole",
        80,
        "When a request fills this much, what is oldest in it is folded: the model gets a short form, and can open it.",
        least=50,
        most=95,
    ),
    Setting(
        "context.unknown_tokens",
        "Context of unknown models, in tokens",
        "whole",
        32_000,
        "Assumed for models whose context is neither listed nor learned nor entered.",
        least=1_000,
        most=10_000_000,
    ),
    _text(
        "context.model",
        "Model that folds",
        "The model that writes the short form of what is folded in a chat. If empty, the chat's own.",
    ),
    _text(
        "memory.model",
        "Model that proposes facts",
        "The model that finds in a person's message what may be remembered. If empty, the chat's own.",
    ),
    Setting("memory.fact_tokens", "Facts in a prompt, in tokens", "whole", 600, _FACTS, most=4_000),
    Setting(
        "models.reasoning_tags",
        "Reasoning tags by model",
        "list",
        (),
        "Models whose reasoning tags differ from their connection's: model=auto, model=open or model=off.",
    ),
    Setting("models.allowed", "Allowed models", "list", (), "The models people can choose. If empty, all of them."),
    Setting(
        "models.temperature",
        "Temperature",
        "number",
        "",
        "How varied the wording is. If empty, each model's default.",
        most=2,
        config="openrouter_temperature",
    ),
    Setting(
        "models.max_tokens",
        "Max tokens",
        "whole",
        "",
        "The most tokens a model may generate per answer. If empty, no limit.",
        least=1,
        most=10**7,
        config="openrouter_max_tokens",
    ),
    Setting("models.rules", "Rules", "list", (), "Which model answers what, before the fallbacks. Edited on their own page."),
    _choice("connections.personal", "Personal connections", ("off", "keys", "servers"), "off", _PERSONAL),
)
_BUDGETS = (
    Setting("budgets.enabled", "Apply budgets", "switch", False, "Whether budgets limit usage. Creating a budget turns this on."),
    _text(
        "team.time_zone",
        "Time zone",
        "The team's time zone, such as Europe/Berlin: budgets reset at its midnight.",
        default="UTC",
    ),
    Setting(
        "budgets.unknown_price",
        "Unknown prices, in dollars per million tokens",
        "number",
        10,
        "What budgets count for paid models that don't report their price, until the cost is known.",
        most=10_000,
    ),
)
_ALERTS = (
    _text(
        "alerts.webhook",
        "Alert webhook",
        "The address that Millrace calls when an alert fires and when it is over. If empty, none.",
    ),
    _choice(
        "alerts.webhook_form",
        "Webhook format",
        ("json", "slack", "ntfy"),
        "json",
        "The webhook's format: JSON with all fields, Slack's or ntfy's.",
    ),
    Setting(
        "alerts.emails", "Alert emails", "list", (), "The addresses that get an email when an alert fires and when it is over."
    ),
)
_MAIL = (
    _text("mail.host", "Server", "The name of the SMTP server. If empty, no email is sent."),
    _whole("mail.port", "Port", 587, "Usually 587 with STARTTLS, and 465 with TLS.", most=65_535),
    _choice(
        "mail.security",
        "Encryption",
        ("starttls", "tls", "none"),
        "starttls",
        "STARTTLS switches to encryption after connecting, TLS encrypts from the start. Use None only on this machine.",
    ),
    _text("mail.user", "User name", "The name to sign in with at the server. If empty, Millrace doesn't sign in."),
    _text("mail.from", "Send from", "The address that email comes from, such as millrace@example.org."),
)
_LEADS = "The system prompt of chats that the assistant compatibility API starts: assistant (none) or assistant.trading."
_PROMPTS = (
    _choice("prompts.assistant_context", "Context of the assistant API", ("none", "trading"), "none", _LEADS),
    _switch(
        "prompts.assistant_facts",
        "Assistant API: custom instructions",
        "If off, its models don't get people's custom instructions.",
    ),
    _switch(
        "prompts.assistant_history",
        "Assistant API: history",
        "If off, its models get the newest message without the earlier ones.",
    ),
    Setting(
        "prompts.assistant_collections",
        "Assistant API: collections",
        "list",
        (),
        "The ids of collections that all its chats can quote, if the person can see them.",
    ),
    Setting(
        "prompts.assistant_memory",
        "Assistant API: conversation memory",
        "switch",
        False,
        "Whether answers in its chats are embedded and quoted later, for everyone. Each person's memory stays "
        "private; they are notified and can keep a chat out.",
    ),
)
_INSIGHTS = (
    _switch(
        "insights.reading",
        "Count reading time",
        "Approximately how long people view answers. Each person can turn it on.",
    ),
    _text(
        "insights.otlp_url",
        "OpenTelemetry collector",
        "The address of a collector that gets a span of each answer (OTLP over HTTP), without any text. If empty, none.",
    ),
)
LANGUAGE = "languages.default"
_TWO_FACTOR = "Who must set it up to use Millrace: no one, owners and admins, or everyone. API tokens work without it."
_SIGN_ON = (
    _switch(
        "sign_in.passwords",
        "Sign in with passwords",
        "If off, people can only sign in with a provider. A locked-out owner can use “flask users sign-in-link”.",
    ),
    _switch(
        "sign_in.header_accounts",
        "Create accounts for people from the proxy",
        "With SIGN_IN_HEADER, anyone the proxy signs in for the first time gets an account as a member.",
        is_on=False,
    ),
)
_ACCOUNTS = (
    _choice("accounts.two_factor", "Require two-factor authentication", ("nobody", "admins", "everyone"), "nobody", _TWO_FACTOR),
    _text(
        LANGUAGE,
        "Language",
        "For people who haven't chosen one and whose browser doesn't request an available one.",
        default="en",
    ),
    _switch("accounts.offline", "Keep chats on devices", "Browsers keep each person's last 20 chats for offline reading."),
)
_LINKS = (
    _choice(
        "links.who",
        "Who can create links",
        ("off", "members", "everyone"),
        "members",
        "Who can create links that let people without an account read a chat: no one, everyone but guests, or "
        "guests too. Closed links reopen if this is changed back.",
    ),
    _switch("links.for_ever", "Links that never expire", "If off, every link expires within a year.", is_on=False),
)
SECTIONS: Mapping[str, tuple[Setting, ...]] = {
    "Models": _MODELS,
    "Streaming": _STREAM,
    "Limits": _LIMITS,
    "Accounts": _ACCOUNTS,
    "Single sign-on": _SIGN_ON,
    "Links": _LINKS,
    "Assistant API": _PROMPTS,
    "Budgets": _BUDGETS,
    "Alerts": _ALERTS,
    "Email": _MAIL,
    "Insights": _INSIGHTS,
    "Knowledge": _KNOWLEDGE,
    "Files": _FILES,
    "Tools": _TOOLS,
    "Web search": _WEB_SEARCH,
    "Pictures": _PICTURES,
    "Voice": _VOICE,
    "Demo": _DEMO,
    "Retention": _KEEPING,
    "Backups": _BACKUP,
}
SETTINGS: Mapping[str, Setting] = {setting.name: setting for section in SECTIONS.values() for setting in section}
