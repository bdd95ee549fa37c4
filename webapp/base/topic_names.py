"""Names of topics: of chats, plans and texts, which are also lanes, of generations, collections, projects and people. Pure."""

# Where the id of a person is expected, it means all people: what the whole team was granted changes on everyone's pages.
EVERYONE = "everyone"


def of_chat(id: str) -> str:
    return f"chat:{id}"


def of_plan(id: str) -> str:
    return f"plan:{id}"


def of_text(id: str) -> str:
    return f"text:{id}"


def of_generation(id: str) -> str:
    return f"generation:{id}"


def of_collection(id: str) -> str:
    return f"collection:{id}"


def of_project(id: str) -> str:
    return f"project:{id}"


def of_person(id: str) -> str:
    return f"user:{id}"


def for_person(id: str) -> tuple[str, str]:
    """Returns the topics of a person's pages: their own, and everyone's."""
    return of_person(id), of_person(EVERYONE)


def chat_in(lane: str) -> str:
    kind, _, id = lane.partition(":")
    return id if kind == "chat" else ""


def plan_in(lane: str) -> str:
    kind, _, id = lane.partition(":")
    return id if kind == "plan" else ""


def text_in(lane: str) -> str:
    kind, _, id = lane.partition(":")
    return id if kind == "text" else ""
