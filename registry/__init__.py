"""Names to factories, and a spelling for components. Knows nothing of models."""

from registry.errors import RegistryError, UnknownName
from registry.plugins import load_plugin
from registry.registry import Component, Registry
from registry.spec import Spec

__all__ = ["Component", "Registry", "RegistryError", "Spec", "UnknownName", "load_plugin"]
