"""The model servers that most people use: their addresses, and whether they want a key. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

THIS_HOST = "127.0.0.1"
ANTHROPIC_KEYS = "https://console.anthropic.com/settings/keys"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai"


@dataclass(frozen=True, slots=True)
class UsualServer:
    """A server by its name; `keys_url` is where its keys come from, and empty for one on this machine, which wants none."""

    slug: str
    name: str
    base_url: str
    keys_url: str = ""
    kind: str = "openai"

    @property
    def needs_key(self) -> bool:
        return bool(self.keys_url)


PROVIDERS = (
    UsualServer("openai", "OpenAI", "https://api.openai.com/v1", "https://platform.openai.com/api-keys"),
    UsualServer("anthropic", "Anthropic", "https://api.anthropic.com/v1", ANTHROPIC_KEYS, "anthropic"),
    # The built-in connection, which has its own page.
    UsualServer("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "https://openrouter.ai/keys", "openrouter"),
    UsualServer("google", "Google", GOOGLE, "https://aistudio.google.com/apikey"),
    UsualServer("mistral", "Mistral", "https://api.mistral.ai/v1", "https://console.mistral.ai/api-keys"),
    UsualServer("groq", "Groq", "https://api.groq.com/openai/v1", "https://console.groq.com/keys"),
    UsualServer("deepseek", "DeepSeek", "https://api.deepseek.com/v1", "https://platform.deepseek.com/api_keys"),
    UsualServer("xai", "xAI", "https://api.x.ai/v1", "https://console.x.ai"),
    UsualServer("together", "Together", "https://api.together.xyz/v1", "https://api.together.ai/settings/api-keys"),
)
LOCAL = (
    UsualServer("ollama", "Ollama", "http://127.0.0.1:11434/v1"),
    UsualServer("lm-studio", "LM Studio", "http://127.0.0.1:1234/v1"),
    UsualServer("llama-cpp", "llama.cpp", "http://127.0.0.1:8080/v1"),
    UsualServer("vllm", "vLLM", "http://127.0.0.1:8000/v1"),
    UsualServer("localai", "LocalAI", "http://127.0.0.1:8080/v1"),
)
BY_SLUG = {server.slug: server for server in (*PROVIDERS, *LOCAL)}


def names_by_address(hosts: Iterable[str] = (THIS_HOST,)) -> dict[str, str]:
    """Returns the usual addresses on this machine, each with the names of the servers that listen there."""
    names: dict[str, list[str]] = {}
    for host in hosts:
        for server in LOCAL:
            names.setdefault(server.base_url.replace(THIS_HOST, host), []).append(server.name)
    return {address: " or ".join(there) for address, there in names.items()}
