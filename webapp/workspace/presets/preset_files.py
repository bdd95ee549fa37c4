"""Reads presets of SillyTavern, and models exported from Open WebUI. Pure: a child process runs it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from webapp.base.untrusted_json import UnfitJson, clean, dict_of, list_of, value_of

MOST_BYTES, MOST_PRESETS = 4 * 1024 * 1024, 100
NAME_CHARS, ABOUT_CHARS, MOST_NAMED = 120, 300, 8
NOTHING = "It has no presets: choose a preset of SillyTavern, or models exported from Open WebUI, as JSON."
# Their names for our settings; several programs and releases have several.
NUMBERS = {
    "temperature": ("temperature", "temp", "temp_openai"),
    "max_tokens": ("max_tokens", "openai_max_tokens", "genamt", "num_predict"),
    "top_p": ("top_p", "top_p_openai"),
    "top_k": ("top_k", "top_k_openai"),
    "min_p": ("min_p", "min_p_openai"),
    "frequency_penalty": ("frequency_penalty", "freq_pen", "freq_pen_openai"),
    "presence_penalty": ("presence_penalty", "presence_pen", "pres_pen_openai"),
    "repetition_penalty": ("repetition_penalty", "repeat_penalty", "rep_pen", "repetition_penalty_openai"),
}
# The values with which SillyTavern turns a sampler off.
OFF = {"top_p": 1, "top_k": 0, "min_p": 0, "frequency_penalty": 0, "presence_penalty": 0, "repetition_penalty": 1}
MODELS = {"openai": "openai_model", "claude": "claude_model", "openrouter": "openrouter_model", "makersuite": "google_model"}
MODELS |= {"mistralai": "mistralai_model", "deepseek": "deepseek_model", "custom": "custom_model", "xai": "xai_model"}
# SillyTavern's names for the sections that can be moved here.
SECTIONS = {
    "main": "system_prompt",
    "worldInfoBefore": "lore_before",
    "charDescription": "character",
    "worldInfoAfter": "lore_after",
    "personaDescription": "persona",
}
HISTORY = "chatHistory"
# Signs of a preset of SillyTavern, for chat and for text completion.
OF_CHATS, OF_TEXTS = {"prompts", "prompt_order", "openai_max_tokens", "main_prompt"}, {"rep_pen", "genamt", "temp"}
# The order of a preset is the one of this number; older files have only the first.
CHARACTERS = ("100001", "100000")


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the presets of a file, or the reason why it cannot be read."""
    try:
        value = value_of(file.read(MOST_BYTES + 1), what="The file", otherwise=NOTHING, most_bytes=MOST_BYTES)
        yield {"presets": list(presets_in(value))}
    except UnfitJson as error:
        yield {"trouble": str(error)}


def named_by_file(file_name: str) -> str:
    """Returns a name for a preset whose file says none."""
    return _line(file_name.rpartition(".")[0] or file_name, NAME_CHARS) or "Preset"


def presets_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yields each preset as the values of an input, with the names of its knowledge and `notes` about what is left out."""
    if isinstance(value, dict) and value.keys() & (OF_CHATS | OF_TEXTS) and "base_model_id" not in value:
        yield _of_sillytavern(value)
        return
    listed: Any = dict_of(value).get("models", value)
    outer = [dict_of(item) for item in (listed if isinstance(listed, list) else [listed])]
    models = [model for model in (dict_of(item.get("info")) or item for item in outer) if "base_model_id" in model]
    if not models:
        raise UnfitJson(NOTHING)
    if len(models) > MOST_PRESETS:
        raise UnfitJson(f"It has more than {MOST_PRESETS} models.")
    yield from map(_of_open_webui, models)


def _of_open_webui(model: Mapping[str, Any]) -> dict[str, Any]:
    params, meta, notes = dict_of(model.get("params")), dict_of(model.get("meta")), list[str]()
    knowledge = [_line(dict_of(item).get("name"), NAME_CHARS) for item in list_of(meta.get("knowledge"))]
    for name, words in (("filterIds", "filters"), ("actionIds", "actions"), ("suggestion_prompts", "suggested prompts")):
        if list_of(meta.get(name)):
            notes.append(f"Its {words} can't be taken over.")
    if not clean(model.get("base_model_id")):
        notes.append("It changes a model that isn't named in the file, so the chat's own model answers.")
    return {
        "name": _line(model.get("name"), NAME_CHARS) or _line(model.get("id"), NAME_CHARS),
        "about": _line(meta.get("description"), ABOUT_CHARS),
        "model": _line(model.get("base_model_id"), 200),
        "system_prompt": clean(params.get("system")).strip(),
        **_numbers(params),
        "effort": clean(params.get("reasoning_effort")),
        "stop_words": "\n".join(_texts(params.get("stop"))),
        "tools": _texts(meta.get("toolIds")),
        "knowledge": [name for name in knowledge if name],
        "notes": notes,
    }


def _of_sillytavern(value: Mapping[str, Any]) -> dict[str, Any]:
    notes, texts, order = list[str](), dict[str, list[str]](), list[str]()
    if "prompts" in value:
        order = _place_prompts(value, texts, notes)
    for name, theirs in (("system_prompt", "main_prompt"), ("post_prompt", "jailbreak_prompt")):
        if theirs in value and name not in texts:
            texts[name] = [clean(value[theirs])]
    if clean(value.get("assistant_prefill")).strip():
        notes.append("The beginning that it puts into answers can't be taken over.")
    if list_of(dict_of(value.get("extensions")).get("regex_scripts")):
        notes.append("Its text scripts can't be taken over; characters can have them.")
    source = MODELS.get(clean(value.get("chat_completion_source")), "openai_model")
    return {
        "name": _line(value.get("name"), NAME_CHARS),
        "model": _line(value.get(source), 200),
        **{name: "\n\n".join(filter(None, map(str.strip, parts))) for name, parts in texts.items()},
        **{name: number for name, number in _numbers(value).items() if number != OFF.get(name)},
        "effort": {"auto": "", "min": "minimal", "max": "high"}.get(effort := clean(value.get("reasoning_effort")), effort),
        "stop_words": "\n".join(_texts(value.get("custom_stopping_strings"))),
        "section_order": order,
        "notes": notes,
    }


def _place_prompts(value: Mapping[str, Any], texts: dict[str, list[str]], notes: list[str]) -> list[str]:
    """Puts the prompts that are on where they can be here, and returns the order of the sections."""
    prompts = {clean(prompt.get("identifier")): prompt for prompt in map(dict_of, list_of(value.get("prompts")))}
    order, names, place = list[str](), {"joined": list[str](), "deep": list[str](), "spoken": list[str]()}, "pre_prompt"
    for identifier in _enabled(value, prompts):
        prompt, is_main = prompts.get(identifier, {}), identifier == "main"
        if identifier in SECTIONS:
            order.append(SECTIONS[identifier])
        place = "post_prompt" if identifier == HISTORY else "system_prompt" if is_main and place == "pre_prompt" else place
        text = clean(prompt.get("content")).strip()
        if not text or prompt.get("marker") is True:
            continue
        name = _line(prompt.get("name"), 60) or identifier[:60]
        if prompt.get("injection_position") == 1:
            names["deep"].append(name)
        elif clean(prompt.get("role")) not in ("", "system"):
            names["spoken"].append(name)
        else:
            texts.setdefault(place, []).append(text)
            names["joined"] += [] if is_main or identifier == "jailbreak" else [name]
    sentences = {
        "joined": "Joined to the prompts beside them: {}.",
        "deep": "Left out, as they have a place among the messages: {}.",
        "spoken": "Left out, as they are sent as messages of the person or the model: {}.",
    }
    notes += [sentences[kind].format(_named(some)) for kind, some in names.items() if some]
    return order


def _enabled(value: Mapping[str, Any], prompts: Mapping[str, Any]) -> Iterable[str]:
    """Yields the identifiers of the prompts that are on, in their order; without one, that of the file."""
    orders = {str(order.get("character_id")): order.get("order") for order in map(dict_of, list_of(value.get("prompt_order")))}
    listed = next((list_of(orders[id]) for id in (*CHARACTERS, *orders) if list_of(orders.get(id))), None)
    if listed is None:
        return list(prompts)
    rows = map(dict_of, listed)
    return list(dict.fromkeys(clean(row.get("identifier")) for row in rows if row.get("enabled") is not False))


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the numbers among these values by our names."""
    return {
        ours: number
        for ours, names in NUMBERS.items()
        if (number := next((values[name] for name in names if _is_number(values.get(name))), None)) is not None
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(f"“{name}”" for name in names[:MOST_NAMED]) + more


def _texts(value: Any) -> list[str]:
    """Returns the texts of a list, which can be written as JSON; another text is the only one."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = value_of(value.encode("utf-8", "replace"), what="A list", otherwise=NOTHING, most_bytes=MOST_BYTES)
    items = [value] if isinstance(value, str) else list_of(value)
    return [text for item in items if (text := clean(item).strip())][:MOST_PRESETS]


def _line(value: Any, most: int) -> str:
    return "".join(sign for sign in " ".join(clean(value).split()) if sign.isprintable())[:most].strip()
