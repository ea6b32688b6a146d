"""Libraries that fastloop does without until somebody asks for what they do."""

from importlib import import_module
from typing import Any


def optional_module(name: str, extra: str, purpose: str) -> Any:
    """Return the module of this name; ImportError, which says how to get it, where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs {name.partition('.')[0]}, which is not installed: "
            f"pip install 'fastloop[{extra}]'",
            name=name,
        ) from error
