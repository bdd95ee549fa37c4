"""What belongs to the current application and is asked for everywhere."""

from flask import current_app

from webapp.config import Config


def the_config() -> Config:
    """What the operator has set."""
    config: Config = current_app.extensions["config"]
    return config
