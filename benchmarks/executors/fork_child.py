"""The server of `benchmarks.executors.fork_server`: imports, forks a process for each call, ends with its parent."""

import ctypes
import gc
import os
import pickle
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.runtime import progress

_PDEATHSIG = 1  # of Linux' prctl
_OVER = object()  # the parent is gone


def serve(control: int, module: str) -> NoReturn:
    """Fork a process for each call that comes by the socket `control`, until that is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):  # schedulers send them to all
