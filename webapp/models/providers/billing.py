"""Which providers stop charging when the connection is closed, as listed by OpenRouter. Pure."""

import re

NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
STOP_CHARGING = {
    NOT_ALPHANUMERIC.sub("", name.lower())
    for name in (
        *("OpenAI", "Azure", "Anthropic", "Fireworks", "Mancer", "Recursal", "AnyScale", "Lepton", "OctoAI", "Novita"),
        *("DeepInfra", "Together", "Cohere", "Hyperbolic", "Infermatic", "Avian", "xAI", "Cloudflare", "SFCompute"),
        *("Nineteen", "Liquid", "Friendli", "Chutes", "DeepSeek"),
    )
}
# Models that are served only by these providers; every other model is also served by some that continue to charge.
SERVED_BY_THOSE = re.compile(r"openai/(?!gpt-oss)|x-ai/")


def may_still_bill(name: str) -> bool:
    """Returns whether a stopped answer can cost as much as a whole one, by the name of a provider or OpenRouter's model id.

    A provider not known to stop is assumed to continue. An answer that is not streamed is always charged in full.
    """
    if "/" in name:
        return not SERVED_BY_THOSE.match(name)
    return NOT_ALPHANUMERIC.sub("", name.lower()) not in STOP_CHARGING
