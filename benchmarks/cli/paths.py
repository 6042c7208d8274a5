"""Folders that commands read and write."""

from benchmarks.runtime.cache_folder import cache_folder, optional_cache_folder
from benchmarks.runtime.storage import writable

__all__ = ["cache_folder", "optional_cache_folder", "writable"]
