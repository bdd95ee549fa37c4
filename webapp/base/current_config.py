"""Accessors for objects of the current application that are needed everywhere."""

from flask import current_app

from webapp.base.config import Config


def the_config() -> Config:
    """Returns the operator's configuration."""
    config: Config = current_app.extensions["config"]
    return config
