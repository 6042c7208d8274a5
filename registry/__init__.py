"""Names to factories, and a spelling for components. Knows nothing of models."""

from registry.component import Component
from registry.errors import PluginWarning, RegistryError, UnknownName
from registry.plugins import load_plugin
from registry.registry import Registry
from registry.spec import Spec

__all__ = ["Component", "PluginWarning", "Registry", "RegistryError", "Spec", "UnknownName", "load_plugin"]
