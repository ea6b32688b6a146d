"""pydantic's models as types of parameters: where the program has imported pydantic, and not else."""

import sys
from collections.abc import Callable
from typing import Any, get_args, get_origin

from fastloop_http.errors import excerpt
from fastloop_http.extract.failures import LONGEST_DETAIL, MAX_FAILURES, Failure
from fastloop_http.extract.source import Parameter


def has_model(kind: Any) -> bool:
    """Say whether a type is, or has in it, a model or a dataclass of pydantic's."""
    if "pydantic" not in sys.modules:
        return False
    return is_model(kind) or any(map(has_model, get_args(kind)))


def is_model(kind: Any) -> bool:
    """Say whether a type is one."""
    return isinstance(kind, type) and hasattr(kind, "__pydantic_validator__")


class PydanticType:
    """A type that pydantic converts to, by its rules; the same as `Typed` for others."""

    @staticmethod
    def encode(texts: Any) -> Any:
        """Return texts as they are."""
        return texts

    def __init__(self, parameter: Parameter) -> None:
        from pydantic import TypeAdapter

        kind = parameter.type
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(kind)
        except Exception as error:
            parameter.refuse(f"is of type {kind}, which pydantic cannot convert to: {error}")
        self.is_whole = is_model(kind)
        self.is_array = get_origin(kind) in (list, tuple, set, frozenset)
        self.length: int | None = None
        self.names: tuple[str, ...] | None = None
        self.required: tuple[str, ...] = ()
        self.lists: frozenset[str] | None = frozenset()
        if self.is_whole:
            fields = getattr(kind, "model_fields", None) or kind.__pydantic_fields__
            names = {name: field.validation_alias or field.alias or name for name, field in fields.items()}
            self.names = tuple(name for name in names.values() if isinstance(name, str))
            self.required = tuple(names[name] for name, field in fields.items() if field.is_required())
            self.lists = frozenset(
                names[name] for name, field in fields.items() if takes_many(field.annotation)
            )

    def of_json(self) -> Callable[[bytes], Any]:
        """Return what decodes JSON; it raises INVALID."""
        return self._adapter.validate_json

    def of_text(self) -> Callable[[Any], Any] | None:
        """Return what makes it of texts; it raises INVALID."""
        return self._adapter.validate_python

    def failures(self, error: Exception, value: object, *, strict: bool = False) -> list[Failure]:
        """Return what error says, which pydantic has raised."""
        told: Any = error
        return [
            Failure(tuple(map(short, one["loc"])), one["msg"][:LONGEST_DETAIL])
            for one in told.errors(include_url=False, include_context=False, include_input=False)
        ][:MAX_FAILURES]


def short(step: str | int) -> str | int:
    """Return a step to a value, cut."""
    return excerpt(step) if isinstance(step, str) else step


def takes_many(kind: Any) -> bool:
    """Say whether an annotation is, or has among its alternatives, a collection."""
    collections = (list, tuple, set, frozenset)
    return (get_origin(kind) or kind) in collections or any(map(takes_many, get_args(kind)))
