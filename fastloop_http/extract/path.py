"""Path: what the path captures, by name or by position."""

from typing import Annotated, Any, TypeAlias, TypeVar

from fastloop_http._h1.decoding import int_call
from fastloop_http.errors import PathRejection
from fastloop_http.extract.convert import About, Of, first_name, text_call
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import typed_text

T = TypeVar("T")

ABOUT = About(PathRejection, "path parameter", "parameter")


class FromPath(Extractor):
    """Take what the path captures.

    A struct, or another type with fields, takes them by their names; a tuple or a list takes all by position.
    Any other type takes one: that of the parameter's name, or of the given one, or the only one.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        captures = parameter.around.captures
        of = typed_text(parameter)
        if parameter.around.may_nest:
            return Source(constant=None)
        if not captures and parameter.may_miss:
            return Source(constant=parameter.missing)
        if self.name is None and of.is_whole:
            return self._by_name(parameter, of)
        if self.name is None and of.is_array:
            return self._by_position(parameter, of)
        name = self.name or parameter.name
        if name not in captures:
            if parameter.may_miss:
                return Source(constant=parameter.missing)
            if self.name is not None or len(captures) != 1:
                parameter.refuse(f"takes {{{name}}} of the path, {listed(parameter)}; name one of these")
            (name,) = captures
        convert = text_call(of, ABOUT, lambda place: name)
        if convert is not None and parameter.type is int:
            convert = int_call(convert)
        return Source(call=convert, arguments=(f"text{captures.index(name)}",))

    def _by_name(self, parameter: Parameter, of: Of) -> Source:
        captures = parameter.around.captures
        if not captures:
            parameter.refuse(f"takes captures of the path, {listed(parameter)}; write them as {{name}}")
        for name in of.required:
            if name not in captures:
                parameter.refuse(f"takes {{{name}}} of the path, {listed(parameter)}; add it, or a default")
        convert = text_call(of, ABOUT, first_name)
        assert convert is not None

        def call(*texts: str) -> Any:
            return convert(dict(zip(captures, texts, strict=True)))

        return Source(call=call, arguments=texts_of(captures))

    def _by_position(self, parameter: Parameter, of: Of) -> Source:
        captures = parameter.around.captures
        if not captures:
            parameter.refuse(f"takes captures of the path, {listed(parameter)}; write them as {{name}}")
        if of.length not in (None, len(captures)):
            parameter.refuse(f"takes {of.length} captures of the path, {listed(parameter)}; take as many")
        convert = text_call(of, ABOUT, lambda place: captures[int(place[0])] if place else "")
        assert convert is not None

        def call(*texts: str) -> Any:
            return convert(list(texts))

        return Source(call=call, arguments=texts_of(captures))


def texts_of(captures: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the plan calls the texts of all captures."""
    return tuple(f"text{index}" for index in range(len(captures)))


def listed(parameter: Parameter) -> str:
    """Return a clause about what the parameter's path captures."""
    captures = ", ".join(f"{{{name}}}" for name in parameter.around.captures)
    return f"{parameter.around.path} captures {captures or 'nothing'}"


Path: TypeAlias = Annotated[T, FromPath()]
