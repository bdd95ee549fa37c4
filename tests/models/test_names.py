"""The names that people read for models, made from the ids that servers give them."""

import pytest

from webapp.models.connections.shown import context, price_words
from webapp.models.makers import HUES, maker_named, maker_of
from webapp.models.names import distinct, name_of
from webapp.models.providers.base import Model

# The id, its name, what tells it apart from others of that name, and who made it.
IDS = """
anthropic/claude-sonnet-4-20250514 | Claude Sonnet 4 | May 2025 | Anthropic
anthropic/claude-3.5-sonnet | Claude 3.5 Sonnet | | Anthropic
anthropic/claude-3.7-sonnet:thinking | Claude 3.7 Sonnet (thinking) | | Anthropic
claude-3-5-sonnet-20241022 | Claude 3.5 Sonnet | Oct 2024 | Anthropic
claude-3-5-haiku-latest | Claude 3.5 Haiku | | Anthropic
claude-3-haiku-20240307 | Claude 3 Haiku | Mar 2024 | Anthropic
claude-opus-4-1-20250805 | Claude Opus 4.1 | Aug 2025 | Anthropic
claude-sonnet-4-5-20250929 | Claude Sonnet 4.5 | Sep 2025 | Anthropic
claude-haiku-4-5 | Claude Haiku 4.5 | | Anthropic
claude-2.1 | Claude 2.1 | | Anthropic
claude-instant-1.2 | Claude Instant 1.2 | | Anthropic
us.anthropic.claude-sonnet-4-20250514-v1:0 | Claude Sonnet 4 | May 2025 | Anthropic
anthropic.claude-3-5-sonnet-20241022-v2:0 | Claude 3.5 Sonnet | Oct 2024 | Anthropic
claude-3-5-sonnet@20240620 | Claude 3.5 Sonnet | Jun 2024 | Anthropic
gpt-4o | GPT-4o | | OpenAI
gpt-4o-2024-08-06 | GPT-4o | Aug 2024 | OpenAI
gpt-4o-mini | GPT-4o mini | | OpenAI
openai/gpt-4o-mini-2024-07-18 | GPT-4o mini | Jul 2024 | OpenAI
gpt-4.1 | GPT-4.1 | | OpenAI
gpt-4.1-nano | GPT-4.1 nano | | OpenAI
gpt-4-turbo | GPT-4 Turbo | | OpenAI
gpt-4-0613 | GPT-4 | 13 Jun | OpenAI
gpt-4-1106-preview | GPT-4 Preview | 6 Nov | OpenAI
gpt-3.5-turbo | GPT-3.5 Turbo | | OpenAI
gpt-3.5-turbo-0125 | GPT-3.5 Turbo | 25 Jan | OpenAI
gpt-3.5-turbo-16k | GPT-3.5 Turbo 16K | | OpenAI
gpt-5 | GPT-5 | | OpenAI
gpt-5-mini | GPT-5 mini | | OpenAI
gpt-5-chat-latest | GPT-5 Chat | | OpenAI
gpt-5.1-codex | GPT-5.1 Codex | | OpenAI
chatgpt-4o-latest | ChatGPT-4o | | OpenAI
o1 | o1 | | OpenAI
o1-preview | o1 Preview | | OpenAI
o3-mini | o3-mini | | OpenAI
o4-mini-high | o4-mini High | | OpenAI
openai/o3-pro | o3-pro | | OpenAI
openai/gpt-oss-120b | GPT-OSS 120B | | OpenAI
gpt-oss:20b | GPT-OSS 20B | | OpenAI
models/gemini-1.5-pro | Gemini 1.5 Pro | | Google
gemini-1.5-flash-8b | Gemini 1.5 Flash 8B | | Google
google/gemini-2.0-flash-001 | Gemini 2.0 Flash | 001 | Google
google/gemini-2.5-pro | Gemini 2.5 Pro | | Google
gemini-2.5-flash-lite-preview-06-17 | Gemini 2.5 Flash Lite Preview | 17 Jun | Google
gemini-2.5-pro-exp-03-25 | Gemini 2.5 Pro Experimental | 25 Mar | Google
gemini-2.0-flash-thinking-exp-01-21 | Gemini 2.0 Flash Thinking Experimental | 21 Jan | Google
google/gemma-3-27b-it | Gemma 3 27B | | Google
google/gemma-3n-e4b-it:free | Gemma 3n E4B | free | Google
gemma2:9b | Gemma 2 9B | | Google
gemma3:4b-it-qat | Gemma 3 4B | QAT | Google
meta-llama/llama-3.3-70b-instruct:free | Llama 3.3 70B | free | Meta
meta-llama/Meta-Llama-3.1-8B-Instruct | Llama 3.1 8B | | Meta
meta-llama/llama-4-maverick | Llama 4 Maverick | | Meta
meta-llama/llama-4-scout-17b-16e-instruct | Llama 4 Scout 17B 16E | | Meta
accounts/fireworks/models/llama-v3p1-70b-instruct | Llama 3.1 70B | | Meta
@cf/meta/llama-3.1-8b-instruct | Llama 3.1 8B | | Meta
meta.llama3-1-70b-instruct-v1:0 | Llama 3.1 70B | | Meta
llama3.1:8b | Llama 3.1 8B | | Meta
llama3.2:3b-instruct-q4_K_M | Llama 3.2 3B | Q4_K_M | Meta
llama3:latest | Llama 3 | | Meta
llama-3.3-70b-versatile | Llama 3.3 70B | | Meta
llama2:13b-chat | Llama 2 13B | | Meta
Meta-Llama-3-8B-Instruct.Q4_K_M.gguf | Llama 3 8B | Q4_K_M | Meta
hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M | Llama 3.2 3B | Q4_K_M | Meta
togethercomputer/Llama-3-8B-Instruct-Turbo | Llama 3 8B Turbo | | Meta
meta-llama/Llama-3.3-70B-Instruct-Turbo | Llama 3.3 70B Turbo | | Meta
meta-llama/llama-guard-3-8b | Llama Guard 3 8B | | Meta
mistralai/mistral-large-2411 | Mistral Large | Nov 2024 | Mistral
mistralai/mistral-small-3.2-24b-instruct | Mistral Small 3.2 24B | | Mistral
mistral-small-24b-instruct-2501 | Mistral Small 24B | Jan 2025 | Mistral
mistralai/Mistral-7B-Instruct-v0.3 | Mistral 7B v0.3 | | Mistral
mistral:7b-instruct-v0.2-q5_K_M | Mistral 7B v0.2 | Q5_K_M | Mistral
mistral-large-latest | Mistral Large | | Mistral
open-mistral-nemo | Mistral Nemo | | Mistral
mistralai/mixtral-8x7b-instruct | Mixtral 8x7B | | Mistral
mixtral:8x22b | Mixtral 8x22B | | Mistral
codestral-2501 | Codestral | Jan 2025 | Mistral
mistralai/devstral-small-2507 | Devstral Small | Jul 2025 | Mistral
pixtral-12b-2409 | Pixtral 12B | Sep 2024 | Mistral
ministral-8b-latest | Ministral 8B | | Mistral
deepseek/deepseek-chat | DeepSeek Chat | | DeepSeek
deepseek/deepseek-chat-v3-0324 | DeepSeek Chat V3 | 24 Mar | DeepSeek
deepseek/deepseek-chat-v3.1:free | DeepSeek Chat V3.1 | free | DeepSeek
deepseek/deepseek-r1 | DeepSeek R1 | | DeepSeek
deepseek/deepseek-r1-0528 | DeepSeek R1 | 28 May | DeepSeek
deepseek/deepseek-r1-distill-llama-70b | DeepSeek R1 Distill Llama 70B | | DeepSeek
deepseek-r1:14b | DeepSeek R1 14B | | DeepSeek
deepseek-ai/DeepSeek-V3 | DeepSeek V3 | | DeepSeek
deepseek-coder:6.7b-instruct | DeepSeek Coder 6.7B | | DeepSeek
deepseek/deepseek-coder | DeepSeek Coder | | DeepSeek
deepseek-reasoner | DeepSeek Reasoner | | DeepSeek
qwen/qwen-2.5-72b-instruct | Qwen 2.5 72B | | Qwen
qwen2.5:7b | Qwen 2.5 7B | | Qwen
qwen2.5-coder:32b | Qwen 2.5 Coder 32B | | Qwen
qwen2.5vl:7b | Qwen 2.5 VL 7B | | Qwen
qwen/qwen3-235b-a22b-2507 | Qwen 3 235B A22B | Jul 2025 | Qwen
qwen/qwen3-30b-a3b | Qwen 3 30B A3B | | Qwen
qwen/qwq-32b | QwQ 32B | | Qwen
Qwen/Qwen2.5-7B-Instruct-AWQ | Qwen 2.5 7B | AWQ | Qwen
qwen3:0.6b | Qwen 3 0.6B | | Qwen
qwen-max | Qwen Max | | Qwen
x-ai/grok-4 | Grok 4 | | xAI
x-ai/grok-2-1212 | Grok 2 | 12 Dec | xAI
x-ai/grok-3-mini-beta | Grok 3 Mini Beta | | xAI
grok-code-fast-1 | Grok Code Fast 1 | | xAI
cohere/command-r-plus-08-2024 | Command R+ | Aug 2024 | Cohere
cohere/command-a-03-2025 | Command A | Mar 2025 | Cohere
command-r7b-12-2024 | Command R7B | Dec 2024 | Cohere
cohere/command-r | Command R | | Cohere
microsoft/phi-4 | Phi 4 | | Microsoft
microsoft/phi-3.5-mini-128k-instruct | Phi 3.5 Mini 128K | | Microsoft
phi3:mini | Phi 3 Mini | | Microsoft
phi4-mini | Phi 4 Mini | | Microsoft
nvidia/llama-3.1-nemotron-70b-instruct | Llama 3.1 Nemotron 70B | | NVIDIA
nvidia/nemotron-nano-9b-v2 | Nemotron Nano 9B V2 | | NVIDIA
moonshotai/kimi-k2 | Kimi K2 | | Moonshot AI
moonshotai/kimi-k2-0905 | Kimi K2 | 5 Sep | Moonshot AI
moonshotai/kimi-dev-72b | Kimi Dev 72B | | Moonshot AI
z-ai/glm-4.5-air | GLM 4.5 Air | | Z.ai
glm-4-9b-chat | GLM 4 9B | | Z.ai
minimax/minimax-m1 | MiniMax M1 | | MiniMax
amazon.nova-pro-v1:0 | Nova Pro | | Amazon
ibm-granite/granite-3.2-8b-instruct | Granite 3.2 8B | | IBM
granite3.2-vision:2b | Granite 3.2 Vision 2B | | IBM
perplexity/sonar-reasoning-pro | Sonar Reasoning Pro | | Perplexity
ai21/jamba-1.5-large | Jamba 1.5 Large | | AI21
nousresearch/hermes-3-llama-3.1-405b | Hermes 3 Llama 3.1 405B | | Nous Research
01-ai/yi-1.5-34b-chat | Yi 1.5 34B | | 01.AI
yi:34b | Yi 34B | | 01.AI
smollm2:1.7b | SmolLM 2 1.7B | | Hugging Face
liquid/lfm-40b | LFM 40B | | Liquid AI
allenai/olmo-2-0325-32b-instruct | OLMo 2 32B | 25 Mar | Ai2
openrouter/auto | Auto | | OpenRouter
text-embedding-3-small | Text Embedding 3 Small | | OpenAI
nomic-embed-text | Nomic Embed Text | |
TheBloke/Mistral-7B-Instruct-v0.2-GPTQ | Mistral 7B v0.2 | GPTQ | Mistral
unsloth/Qwen3-8B-bnb-4bit | Qwen 3 8B | 4-bit | Qwen
mlx-community/Llama-3.2-3B-Instruct-4bit | Llama 3.2 3B | 4-bit | Meta
lmstudio-community/gemma-3-12b-it-GGUF | Gemma 3 12B | | Google
gryphe/mythomax-l2-13b | MythoMax L2 13B | | Gryphe
baidu/ernie-4.5-300b-a47b | ERNIE 4.5 300B A47B | | Baidu
tencent/hunyuan-a13b-instruct | Hunyuan A13B | | Tencent
starcoder2:15b | StarCoder 2 15B | |
dolphin-mixtral:8x7b | Dolphin Mixtral 8x7B | |
falcon3:10b | Falcon 3 10B | | TII
maker/great | Great | | Maker
"""
ROWS = [[part.strip() for part in line.split("|")] for line in IDS.strip().splitlines()]


@pytest.mark.parametrize(("id", "name", "details", "maker"), ROWS, ids=[row[0] for row in ROWS])
def test_an_id_reads_as_people_say_it(id: str, name: str, details: str, maker: str) -> None:
    found = maker_of(id)
    assert (name_of(id).text, ", ".join(name_of(id).details)) == (name, details)
    assert (found.name if found else "") == maker


def test_there_are_enough_of_them() -> None:
    assert len(ROWS) >= 110


@pytest.mark.parametrize(
    ("id", "listed", "name"),
    [
        ("anthropic/claude-sonnet-4", "Anthropic: Claude Sonnet 4", "Claude Sonnet 4"),
        ("meta-llama/llama-3.3-70b-instruct:free", "Meta: Llama 3.3 70B Instruct (free)", "Llama 3.3 70B Instruct (free)"),
        ("deepseek/deepseek-r1-0528", "DeepSeek: R1 0528", "DeepSeek R1 0528"),
        ("thedrummer/cydonia-24b-v4.1", "TheDrummer: Cydonia 24B V4.1", "Cydonia 24B V4.1"),
        ("claude-opus-4-1-20250805", "Claude Opus 4.1", "Claude Opus 4.1"),
        ("openrouter/auto", "Auto Router", "Auto Router"),
        ("maker/great", "Great", "Great"),
        # An id instead of a name.
        ("openai/gpt-4o", "openai/gpt-4o", "GPT-4o"),
        ("meta-llama/Llama-3.3-70B-Instruct", "Llama-3.3-70B-Instruct", "Llama 3.3 70B"),
        ("models/gemini-1.5-pro", "gemini-1.5-pro", "Gemini 1.5 Pro"),
        ("x/y", "<b>: <i>bold</i>", "<i>bold</i>"),
    ],
)
def test_a_name_that_its_server_wrote_for_people_is_kept_without_the_maker(id: str, listed: str, name: str) -> None:
    assert name_of(id, listed).text == name


@pytest.mark.parametrize(
    "id", ["", "/", ":", "::", "-", "a", "7", "2024-08-06", "q4_k_m", "@", "it", "x" * 300, "ü/ß:ö", "\u202eabc"]
)
def test_no_id_is_without_a_name(id: str) -> None:
    assert name_of(id).text or not id
    maker_of(id)


def named(*ids: str, connection: str = "OpenRouter") -> list[tuple[str, object, tuple[str, str]]]:
    return [(id, name_of(id), (maker.name if (maker := maker_of(id)) else "", connection)) for id in ids]


def test_models_of_the_same_name_are_told_apart() -> None:
    assert distinct(named("openai/gpt-4o", "openai/gpt-4o-2024-08-06", "openai/gpt-4o-2024-05-13", "openai/o3"), {}) == {
        "openai/gpt-4o": "GPT-4o",
        "openai/gpt-4o-2024-08-06": "GPT-4o (Aug 2024)",
        "openai/gpt-4o-2024-05-13": "GPT-4o (May 2024)",
        "openai/o3": "o3",
    }
    assert set(distinct(named("llama3.2:3b-instruct-q4_K_M", "llama3.2:3b-instruct-q8_0"), {}).values()) == {
        "Llama 3.2 3B (Q4_K_M)",
        "Llama 3.2 3B (Q8_0)",
    }
    assert set(distinct(named("one/model", "two/model"), {}).values()) == {"Model · One", "Model · Two"}
    both = [*named("llama3.1:8b"), ("there:llama3.1:8b", name_of("llama3.1:8b"), ("Meta", "There"))]
    assert distinct(both, {}) == {
        "llama3.1:8b": "Llama 3.1 8B · OpenRouter",
        "there:llama3.1:8b": "Llama 3.1 8B · There",
    }
    # Nothing but the id differs.
    alike = distinct(named("openai/gpt-4o", "~openai/gpt-4o", "models/gpt-4o"), {})
    assert len(set(alike.values())) == 3


def test_a_name_of_the_admins_is_taken() -> None:
    names = distinct(named("openai/gpt-4o", "openai/o3"), {"openai/o3": "GPT-4o"})
    assert names["openai/o3"] == "GPT-4o"
    assert names["openai/gpt-4o"] != "GPT-4o"


def test_a_maker_that_nobody_knows_has_a_mark_that_stays() -> None:
    mark = maker_named("TheDrummer")
    assert mark
    assert (mark.letters, mark == maker_named("TheDrummer"), mark.hue in HUES) == ("T", True, True)
    assert maker_named("") is None
    assert maker_named("anthropic") == maker_of("anthropic/claude-sonnet-4")


@pytest.mark.parametrize(
    ("prompt", "completion", "words"),
    [
        ("3", "15", "about 1 cent an answer"),
        ("15", "75", "about 6 cents an answer"),
        ("1.25", "10", "about 7 cents for 10 answers"),
        ("0.15", "0.6", "about 5 cents for 100 answers"),
        ("0.02", "0.02", "about 4 cents for 1,000 answers"),
        ("0.001", "0.001", "less than 1 cent for 1,000 answers"),
        ("600", "1200", "about $1.50 an answer"),
        ("0", "0", "free"),
    ],
)
def test_a_price_reads_as_people_count(prompt: str, completion: str, words: str) -> None:
    assert price_words(Model("m", "M", prompt_price=prompt, completion_price=completion), None) == words


@pytest.mark.parametrize(
    ("tokens", "words"),
    [(512, "512"), (8192, "8K"), (32_000, "32K"), (128_000, "128K"), (131_072, "128K"), (200_000, "200K"), (1_048_576, "1M")],
)
def test_a_context_reads_as_makers_write_it(tokens: int, words: str) -> None:
    assert context(tokens) == words
