"""Who made a model: known from the prefix of its id, or from the word that its family is called by. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32


def set_of(*lines: str) -> frozenset[str]:
    """Returns the words of these lines."""
    return frozenset(" ".join(lines).split())


@dataclass(frozen=True, slots=True)
class Maker:
    """A company or a group of people that makes models; `letters` are drawn as its mark, in a colour of `hue` degrees."""

    name: str
    letters: str
    hue: int

    @property
    def mark(self) -> str:
        """The class of its colour in the style sheet."""
        return f"maker--{self.hue}"


# The hues that have a colour in the style sheet.
HUES = range(0, 360, 30)
# A maker with the prefixes of ids that mean it, and the words that its models' names begin with. Those people look for most come
# first, as in lists.
_TABLE = (
    (Maker("Anthropic", "A", 30), "anthropic", "claude"),
    (Maker("OpenAI", "O", 150), "openai", "gpt chatgpt o1 o3 o4 davinci babbage text whisper dall codex computer sora"),
    (Maker("Google", "G", 240), "google google-ai gemini vertex", "gemini gemma codegemma palm learnlm medgemma shieldgemma"),
    (Maker("Meta", "M", 270), "meta meta-llama facebook", "llama codellama meta"),
    (
        Maker("Mistral", "Mi", 60),
        "mistral mistralai mistral-ai",
        "mistral mixtral ministral codestral pixtral devstral magistral mathstral voxtral open",
    ),
    (Maker("DeepSeek", "D", 270), "deepseek deepseek-ai", "deepseek"),
    (Maker("Qwen", "Q", 300), "qwen alibaba alibaba-cloud alibaba-nlp", "qwen qwq qvq codeqwen"),
    (Maker("xAI", "x", 180), "x-ai xai", "grok"),
    (Maker("Cohere", "C", 0), "cohere coherelabs cohereforai", "command aya c4ai"),
    (Maker("Microsoft", "Ms", 210), "microsoft", "phi wizardlm orca mai"),
    (Maker("NVIDIA", "N", 120), "nvidia", "nemotron llama-nemotron nv"),
    (Maker("Amazon", "Am", 60), "amazon", "nova titan"),
    (Maker("IBM", "I", 240), "ibm ibm-granite", "granite"),
    (Maker("Moonshot AI", "K", 330), "moonshotai moonshot", "kimi moonlight moonshot"),
    (Maker("Z.ai", "Z", 210), "z-ai zai zai-org thudm zhipu zhipuai", "glm chatglm"),
    (Maker("MiniMax", "Mm", 0), "minimax minimaxai", "minimax abab"),
    (Maker("Perplexity", "P", 180), "perplexity", "sonar pplx"),
    (Maker("AI21", "AI", 330), "ai21 ai21labs", "jamba"),
    (Maker("Baidu", "B", 240), "baidu", "ernie"),
    (Maker("Tencent", "T", 210), "tencent", "hunyuan"),
    (Maker("ByteDance", "By", 180), "bytedance bytedance-seed", "seed doubao"),
    (Maker("Xiaomi", "Xi", 30), "xiaomi", "mimo"),
    (Maker("StepFun", "S", 210), "stepfun stepfun-ai", "step"),
    (Maker("01.AI", "01", 120), "01-ai", "yi"),
    (Maker("Nous Research", "Nr", 60), "nousresearch", "hermes nous deephermes"),
    (Maker("Ai2", "A2", 330), "allenai", "olmo molmo tulu"),
    (Maker("Hugging Face", "H", 90), "huggingface huggingfacetb huggingfaceh4", "smollm smollm2 smollm3 zephyr"),
    (Maker("Liquid AI", "L", 270), "liquid liquidai", "lfm"),
    (Maker("TII", "Ti", 150), "tiiuae", "falcon"),
    (Maker("LG", "LG", 0), "lgai-exaone", "exaone"),
    (Maker("Upstage", "U", 300), "upstage", "solar"),
    (Maker("Databricks", "Db", 0), "databricks", "dbrx mpt dolly"),
    (Maker("Snowflake", "Sn", 210), "snowflake", "arctic snowflake"),
    (Maker("Inception", "In", 90), "inception", "mercury"),
    (Maker("OpenRouter", "Or", 270), "openrouter", ""),
    (Maker("Millrace", "Mr", 210), "demo", ""),
)
ORDER = {row[0].name: rank for rank, row in enumerate(_TABLE)}
_BY_NAME = {row[0].name.lower(): row[0] for row in _TABLE}
_BY_PREFIX = {prefix: maker for maker, prefixes, _ in _TABLE for prefix in prefixes.split()}
_BY_FAMILY = {word: maker for maker, _, words in _TABLE for word in words.split()}
# Who converts models of others, or only runs them: their prefix says nothing about who made one.
_OTHERS = set_of(
    "accounts azure bartowski bedrock casperhansen fireworks ggml-org gguf groq hf.co huggingface.co hugging-quants library",
    "lmstudio-community maziyarpanahi mlx-community models mradermacher publishers quantfactory replicate second-state thebloke",
    "together togethercomputer turboderp unsloth workers-ai",
)
_FAMILY = re.compile(r"c4ai|o[1-9]|[a-z]+")


@lru_cache(maxsize=8192)
def maker_of(id: str, listed_name: str = "") -> Maker | None:
    """Returns who made the model with this id at its server; None if that can't be told.

    `listed_name` is what the server calls it: OpenRouter writes the maker in front, as in "Mistral: Ministral 8B".
    """
    *prefixes, name = id.lower().lstrip("~@").split("/")
    parts = [part for part in prefixes if part and part not in _OTHERS]
    if not parts and (before := re.match(r"(?:(?:us|eu|apac|global)\.)?([a-z0-9]+)\.[a-z]", name)) and before[1] in _BY_PREFIX:
        # Amazon Bedrock: us.anthropic.claude-sonnet-4-20250514-v1:0
        return _BY_PREFIX[before[1]]
    if maker := next((_BY_PREFIX[part] for part in reversed(parts) if part in _BY_PREFIX), None):
        return maker
    said, colon, _ = listed_name.partition(": ")
    if parts:
        return maker_named(said if colon and len(said) <= 30 else re.sub(r"[-_]+", " ", parts[-1]).title())
    word = _FAMILY.match(name)
    family = _BY_FAMILY.get(word[0]) if word else None
    return family or (maker_named(said) if colon and said.lower() in _BY_NAME else None)


@lru_cache(maxsize=2048)
def maker_named(name: str) -> Maker | None:
    """Returns the maker with this name; one that is not in the table gets the first letter and a colour that stays."""
    if not name:
        return None
    hue = HUES[crc32(name.lower().encode()) % len(HUES)]
    return _BY_NAME.get(name.lower()) or Maker(name, next((char for char in name if char.isalnum()), "?").upper(), hue)
