"""Names to factories, and a spelling for components. Knows nothing of models."""

from registry.component import Component
from registry.errors import PluginWarning, RegistryError, UnknownName
from registry.plugins import load_plugin
from registry.registry import Registry
from registry.spec import Spec
from registry.types import AtLeast, Size

__all__ = [
    "AtLeast",
    "Component",
    "PluginWarning",
    "Registry",
    "RegistryError",
    "Size",
    "Spec",
    "UnknownName",
    "load_plugin",
]
