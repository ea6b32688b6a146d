"""The header fields of a response: an ordered multi-mapping that can be changed.

Knows names and values as text. Whether they are well-formed is checked where they are sent.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import NoReturn, Protocol, TypeAlias, TypeVar, cast, overload

T = TypeVar("T")

Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
Pairs: TypeAlias = Iterable[tuple[str, str]]


class HasItems(Protocol):
    """Whatever has fields, as a Mapping has, or a request's Headers, with a name more than once perhaps."""

    def items(self) -> Pairs:
        """Return (name, value) of every field."""
        ...


class ResponseHeaders(MutableMapping[str, str]):
    """Header fields in their order; a name, whose case does not matter, may occur more than once.

    `headers[name] = value` replaces all fields of the name, `append` adds one, `del` removes all.
    `headers[name]` and `get` give the first, `getall` all. `items()`, `keys()` and `values()` give every
    field, with names in lower case, and len() counts them all. Raises TypeError for what is not str.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields | HasItems = ()) -> None:
        self._fields: list[tuple[str, str]] = []
        if fields:
            for name, value in pairs_of(fields):
                if not isinstance(name, str) or not isinstance(value, str):
                    raise_no_text(name, value)
                self._fields.append((name.lower(), value))

    def append(self, name: str, value: str) -> None:
        """Add a field behind those that are there."""
        if not isinstance(name, str) or not isinstance(value, str):
            raise_no_text(name, value)
        self._fields.append((name.lower(), value))

    def extend(self, fields: Fields | HasItems) -> None:
        """Add fields; all of a name that is among them are replaced."""
        added = []
        for name, value in pairs_of(fields):
            if not isinstance(name, str) or not isinstance(value, str):
                raise_no_text(name, value)
            added.append((name.lower(), value))
        names = {name for name, _ in added}
        self._fields[:] = [field for field in self._fields if field[0] not in names] + added

    def getall(self, name: str) -> list[str]:
        """Return the values of all fields of this name, in order."""
        name = name.lower()
        return [value for other, value in self._fields if other == name]

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str | T, /) -> str | T: ...
    def get(self, name: str, default: object = None, /) -> object:
        """Return the value of the first field of this name; default without one."""
        name = name.lower()
        for other, value in self._fields:
            if other == name:
                return value
        return default

    def add_vary(self, *names: str) -> None:
        """Say that the response depends on these fields of the request (RFC 9110 section 12.5.5)."""
        listed = [token.strip().lower() for value in self.getall("vary") for token in value.split(",")]
        missing = [name for name in names if name.lower() not in listed]
        if missing and "*" not in listed:
            self["vary"] = ", ".join([token for token in listed if token] + missing)

    def copy(self) -> "ResponseHeaders":
        """Return the same fields in an object of their own."""
        copied = ResponseHeaders.__new__(ResponseHeaders)
        copied._fields = self._fields.copy()
        return copied

    def pairs(self) -> list[tuple[str, str]]:
        """Return (name, value) of every field: the list that is kept, not a copy."""
        return self._fields

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]  # a view would lose repeated names
        """Return (name, value) of every field, in order."""
        return self._fields.copy()

    def keys(self) -> list[str]:  # type: ignore[override]
        """Return the name of every field, in order."""
        return [name for name, _ in self._fields]

    def values(self) -> list[str]:  # type: ignore[override]
        """Return the value of every field, in order."""
        return [value for _, value in self._fields]

    def clear(self) -> None:
        """Remove every field."""
        self._fields.clear()

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        if not isinstance(name, str) or not isinstance(value, str):
            raise_no_text(name, value)
        name = name.lower()
        for place, (other, _) in enumerate(self._fields):
            if other == name:
                # In its place; any other field of the name goes.
                rest = [field for field in self._fields[place + 1 :] if field[0] != name]
                self._fields[place:] = [(name, value), *rest]
                return
        self._fields.append((name, value))

    def __delitem__(self, name: str) -> None:
        lowered = name.lower()
        left = [field for field in self._fields if field[0] != lowered]
        if len(left) == len(self._fields):
            raise KeyError(name)
        self._fields[:] = left

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return self._fields == other._fields if isinstance(other, ResponseHeaders) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __repr__(self) -> str:
        return f"<ResponseHeaders {self._fields!r}>"


def raise_no_text(name: object, value: object) -> NoReturn:
    """Raise the TypeError for a field that is not text."""
    raise TypeError(f"header {name!r}: {value!r} must be str: str")


def pairs_of(fields: Fields | HasItems) -> Pairs:
    """Return (name, value) of every field; TypeError where there are none to be had."""
    if isinstance(fields, Mapping):  # so is, at run time, a request's Headers
        return cast(Pairs, fields.items())
    if isinstance(fields, (str, bytes)) or not hasattr(fields, "__iter__"):
        raise TypeError(f"headers must be a mapping or pairs of str, not {fields!r}")
    return cast(Pairs, fields)
