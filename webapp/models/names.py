"""The name that people read for a model, made from the id that its server gives it. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from webapp.models.makers import maker_of, set_of

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# How words are written that are not simply capitalized.
_CASES = {
    word.lower(): word
    for word in set_of(
        "AI API AWQ BF16 DBRX ERNIE EXAONE FP8 FP16 GLM GPT GPTQ HD LFM LLM MPT OCR OSS QA RAG TTS VL XL XXL II III",
        "ChatGLM ChatGPT CodeGemma CodeLlama DeepCoder DeepHermes DeepSeek InternLM InternVL LearnLM MedGemma MiMo MiniMax MoE",
        "MythoMax OLMo OpenChat OpenHermes QvQ QwQ ShieldGemma SmolLM TinyLlama WizardCoder WizardLM StarCoder vLLM mT5",
    )
} | {"exp": "Experimental", "codellama": "Code Llama", "qwencoder": "Qwen Coder", "omni": "Omni", "xsmall": "XSmall"}
# Words about how a model is packed or that every chat model has: they tell nothing to who chooses one.
_PLAIN = set_of("instruct it hf gguf ggml mlx latest instruction safetensors versatile bnb")
# Words before a family's name that only repeat who made it, or that it is open.
_BEFORE = set_of("meta google nvidia microsoft openai anthropic cohere ibm amazon open")
_PACKING = re.compile(
    r"(?:ud-)?(?:i?q[1-8](?:_[0-9a-z]+)*|awq|gptq|exl[23]|fp(?:4|8|16|32)|bf16|f16|f32|mxfp4|nvfp4|w[48]a\d+|int[48]|[3-8]-?bit|qat|00\d)",
    re.IGNORECASE,
)
# OpenRouter's words after a colon: ways to run a model, and ways that it behaves. Ollama writes the size there.
_WAYS, _BEHAVIORS = set_of("free beta nitro floor extended exacto"), set_of("thinking online")
_SIZE = re.compile(r"[aer]?\d+(?:\.\d+)?(?:x\d+(?:\.\d+)?)?[bmkte]", re.IGNORECASE)
_GLUED = re.compile(r"([a-z]{3,}|yi)(\d{1,2}(?:\.\d+)*)([a-z]{2,})?", re.IGNORECASE)
_BEDROCK, _REVISION = re.compile(r"(?:(?:us|eu|apac|global)\.)?[a-z0-9]+\.(?=[a-z])"), re.compile(r"-v\d+:\d+$")
_DATE = re.compile(
    r"(?<![\d.])(?:(?P<year>20[2-3]\d)-?(?P<month>0[1-9]|1[0-2])-?(?P<day>[0-3]\d)"
    r"|(?P<month2>0[1-9]|1[0-2])-(?P<year2>20[2-3]\d)"
    r"|(?P<short>\d{4})"
    r"|(?<=preview-)(?P<month3>0[1-9]|1[0-2])-(?P<day3>[0-3]\d)|(?<=exp-)(?P<month4>0[1-9]|1[0-2])-(?P<day4>[0-3]\d))(?![\d.])"
)


@dataclass(frozen=True, slots=True)
class ModelName:
    """A name, and what tells models of the same name apart: when it was made, how it is packed, which variant it is."""

    text: str
    details: tuple[str, ...] = ()

    @property
    def exact(self) -> str:
        return f"{self.text} ({', '.join(self.details)})" if self.details else self.text


@lru_cache(maxsize=8192)
def name_of(id: str, listed_name: str = "") -> ModelName:
    """Returns the name of a model by its id at its server, or by what the server calls it if that is written for people."""
    if is_readable(listed_name, id):
        return ModelName(_without_maker(listed_name, id), _from_id(id).details)
    return _from_id(id)


def is_readable(name: str, id: str) -> bool:
    """Returns whether a server wrote a name for people: not the id again, nor another id."""
    is_like_id = re.fullmatch(r"[\w./:@+-]+", name) and (not name[:1].isupper() or re.search(r"[/:_]|-\d|\d-", name))
    return bool(name) and name != id and not is_like_id


def distinct(models: Iterable[tuple[str, ModelName, Sequence[str]]], taken: Mapping[str, str]) -> dict[str, str]:
    """Returns the names of models by their ids, each name once.

    Each is given with its name and with what it can be told apart by, such as its connection. Those that share a name get their
    details, then each of these in turn, and at last their id. `taken` are names that an admin chose, which stay.
    """
    names, used = dict(taken), set(taken.values())
    left = [
        (id, name, [name.text, name.exact, *(f"{name.exact} · {apart}" for apart in (*marks, id) if apart)])
        for id, name, marks in models
        if id not in taken
    ]
    for step in range(max((len(forms) for _, _, forms in left), default=0)):
        groups = defaultdict(list)
        for row in left:
            groups[row[2][min(step, len(row[2]) - 1)]].append(row)
        left = []
        for text, rows in groups.items():
            # The one without details keeps the plain name: it is the maker's newest.
            plain = rows if len(rows) == 1 else [row for row in rows if not row[1].details and not step]
            owner = plain[0][0] if len(plain) == 1 and text not in used else ""
            if owner:
                names[owner] = text
                used.add(text)
            left += [row for row in rows if row[0] != owner]
    return names | {id: id for id, _, _ in left}


@lru_cache(maxsize=8192)
def _from_id(id: str) -> ModelName:
    name, variant = _parts(id)
    behavior = f" ({variant})" if variant in _BEHAVIORS else ""
    if variant and variant not in _WAYS | _BEHAVIORS:
        name = f"{name}-{variant}"
    name, when = _dated(name)
    name, packing = _unpacked(name)
    text = _joined([*_words(name)]) or id
    details = (*when, packing, variant if variant in _WAYS else "")
    return ModelName(text + behavior, tuple(filter(None, details)))


def _parts(id: str) -> tuple[str, str]:
    """Returns the name in an id, without prefixes, and the variant after its colon."""
    name = id.strip("/~@ ").rpartition("/")[2]
    # Google's Vertex AI puts the date after an @, Amazon Bedrock ends ids with -v1:0 and begins them with regions and the maker.
    name = name.replace("@", "-")
    if (before := _BEDROCK.match(name)) and _REVISION.search(name):
        name = _REVISION.sub("", name[before.end() :])
    name, _, variant = name.partition(":")
    name = re.sub(r"\.(?:gguf|bin|safetensors)$", "", name, flags=re.IGNORECASE)
    return name, variant


def _dated(name: str) -> tuple[str, list[str]]:
    """Takes the dates out of a name, in each of the forms that makers use; four digits are a month or a day."""
    dates = list[str]()

    def take(match: re.Match[str]) -> str:
        at = match.groupdict()
        if (short := at["short"]) and match.start():
            first, second = int(short[:2]), int(short[2:])
            if 23 <= first <= 29 and 1 <= second <= 12:
                dates.append(f"{MONTHS[second - 1]} 20{first}")
            elif 1 <= first <= 12 and 1 <= second <= 31:
                dates.append(f"{second} {MONTHS[first - 1]}")
            else:
                return match[0]
        elif at["year"] or at["year2"]:
            dates.append(f"{MONTHS[int(at['month'] or at['month2']) - 1]} {at['year'] or at['year2']}")
        elif month := at["month3"] or at["month4"]:
            dates.append(f"{int(at['day3'] or at['day4'])} {MONTHS[int(month) - 1]}")
        else:
            return match[0]
        return ""

    return re.sub(r"[-_.]{2,}", "-", _DATE.sub(take, name)).strip("-_. "), dates


def _unpacked(name: str) -> tuple[str, str]:
    """Takes out how a model is packed, such as Q4_K_M."""
    pieces = re.split(r"([-. ])", name)
    packing = [piece for piece in pieces[2:] if _PACKING.fullmatch(piece)]
    rest = "".join(piece for index, piece in enumerate(pieces) if index < 2 or not _PACKING.fullmatch(piece))
    rest = re.sub(r"_(?:q\d_\w+|fp8|fp16|awq|gptq)$", "", rest, flags=re.IGNORECASE)
    shown = [re.sub(r"(\d)-?BIT", r"\1-bit", piece.upper()) for piece in packing]
    return re.sub(r"[-. ]{2,}", "-", rest).strip("-. "), " ".join(shown)


def _words(name: str) -> Iterator[str]:
    """Yields the words of a name as people write them, without those that say nothing."""
    pieces = [piece for piece in re.split(r"[-_\s]+|\.(?!\d)|(?<!\d)\.", name) if piece]
    pieces = [part for piece in pieces for part in _unglued(piece)]
    if len(pieces) > 1 and pieces[0].lower() in _BEFORE:
        pieces = pieces[1:]
    rest = [piece for piece in pieces if piece.lower() not in _PLAIN]
    if len(rest) > 2 or (len(rest) == 2 and any(map(_SIZE.fullmatch, rest))):
        # Of a family with other kinds, chat is one; beside a size or a version it is what every model is for.
        rest = [piece for piece in rest if piece.lower() != "chat" or rest[0].lower() in ("deepseek", "gpt")]
    pieces, index = rest or pieces, 0
    while index < len(pieces):
        piece, following = pieces[index], pieces[index + 1 : index + 2]
        if re.fullmatch(r"\d{1,2}", piece) and following and re.fullmatch(r"\d", following[0]):
            # Versions whose point became a hyphen: claude-3-5-sonnet.
            piece, index = f"{piece}.{following[0]}", index + 1
        yield _word(piece)
        index += 1


def _unglued(piece: str) -> Sequence[str]:
    """Splits a family from its version, as in llama3.1 and qwen2.5vl."""
    if version := re.fullmatch(r"v(\d+)p(\d+)", piece, re.IGNORECASE):
        return [f"{version[1]}.{version[2]}"]
    if (match := _GLUED.fullmatch(piece)) and not _SIZE.fullmatch(piece):
        return [part for part in match.groups() if part]
    return [piece]


def _word(piece: str) -> str:
    lower = piece.lower()
    if lower in _CASES:
        return _CASES[lower]
    if _SIZE.fullmatch(piece):
        return lower.upper().replace("X", "x")
    if re.fullmatch(r"o[1-9]|\d+[a-z]|v0\.\d", lower):
        # OpenAI's o3 and 4o, Google's 3n, Mistral's v0.3.
        return lower
    if re.fullmatch(r"[a-z]\d+(\.\d+)?", lower):
        return lower.upper()
    return piece if not piece.islower() else piece.capitalize()


def _joined(words: Sequence[str]) -> str:
    """Puts words together; some families write hyphens, and OpenAI its small models in small letters."""
    text = " ".join(words)
    text = re.sub(r"\b(Chat)?GPT (?=\d|OSS)", lambda match: f"{match[1] or ''}GPT-", text)
    text = re.sub(r"^(o\d) (Mini|Pro)", lambda match: f"{match[1]}-{match[2].lower()}", text)
    text = re.sub(r"^(GPT-\S+) (Mini|Nano)\b", lambda match: f"{match[1]} {match[2].lower()}", text)
    return re.sub(r"^Command R Plus\b", "Command R+", text)


def _without_maker(name: str, id: str) -> str:
    """Returns what a server calls a model without the maker, who is shown beside it, unless it is the family's name, too."""
    maker, colon, rest = (part.strip() for part in name.partition(": "))
    known = maker_of(id, name)
    if not colon or not rest or len(maker) > 30 or not ("/" in id or (known and known.name == maker)):
        return name.strip()
    is_family = id.rpartition("/")[2].lower().startswith(maker.lower()) and not rest.lower().startswith(maker.lower())
    return f"{maker} {rest}" if is_family else rest
