"""Names of topics: of chats and plans, which are also lanes, of generations, collections, projects and people. Pure."""


def of_chat(id: str) -> str:
    return f"chat:{id}"


def of_plan(id: str) -> str:
    return f"plan:{id}"


def of_generation(id: str) -> str:
    return f"generation:{id}"


def of_collection(id: str) -> str:
    return f"collection:{id}"


def of_project(id: str) -> str:
    return f"project:{id}"


def of_person(id: str) -> str:
    return f"user:{id}"


def chat_in(lane: str) -> str:
    kind, _, id = lane.partition(":")
    return id if kind == "chat" else ""


def plan_in(lane: str) -> str:
    kind, _, id = lane.partition(":")
    return id if kind == "plan" else ""
