"""Captioners on the Hugging Face Hub, through its own client: `client` fetches their files, `push` publishes them."""

from zoo.hub.client import HubWarning

__all__ = ["HubWarning"]
