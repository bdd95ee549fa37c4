"""Which providers stop charging when the connection is closed, as listed by OpenRouter. Pure."""

import re

UNTOLD = re.compile(r"[^a-z0-9]")
STOP_CHARGING = {
    UNTOLD.sub("", name.lower())
    for name in (
        *("OpenAI", "Azure", "Anthropic", "Fireworks", "Mancer", "Recursal", "AnyScale", "Lepton", "OctoAI", "Novita"),
        *("DeepInfra", "Together", "Cohere", "Hyperbolic", "Infermatic", "Avian", "xAI", "Cloudflare", "SFCompute"),
        *("Nineteen", "Liquid", "Friendli", "Chutes", "DeepSeek"),
    )
}
# Models that are served only by those; all others are served by some who go on charging too.
SERVED_BY_THOSE = re.compile(r"openai/(?!gpt-oss)|x-ai/")


def may_still_bill(name: str) -> bool:
    """Whether a stopped answer may cost as much as a whole one, by the name of a provider or OpenRouter's id of a model.

    Who is not known to stop may go on. An answer that is not streamed is always charged whole.
    """
    if "/" in name:
        return not SERVED_BY_THOSE.match(name)
    return UNTOLD.sub("", name.lower()) not in STOP_CHARGING
