"""Write the code of a call plan: what to make of a request to call its handler, line by line, without a loop.

Knows sources and callables; what they mean is the extractors'.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from fastloop_http._h1.refusal import BodyError
from fastloop_http._h1.request import Request
from fastloop_http._h1.routes import Call
from fastloop_http.extract.signature import Filled, body_sources, function_of
from fastloop_http.extract.source import EMPTY, Source


def write_plan(handler: Callable[..., Any], name: str, filled: Sequence[Filled]) -> Call:
    """Return how to call handler for a request with the arguments of filled.

    Where nothing has to be made of anything, that is the handler itself.
    """
    plan = _Plan(handler, name)
    # The body last: what a request is refused for without it need not wait for it.
    for argument in sorted(filled, key=lambda argument: any(body_sources(argument.source))):
        plan.add(argument)
    return plan.call([(argument.keyword, plan.values[argument.source]) for argument in filled])


class _Plan:
    """The lines of one plan.

    They are an async function's where anything is awaited, or has to be left behind the handler. Otherwise
    they are a plain one's, which costs a coroutine less; where that takes a body that is not all here yet, an
    async one, `later`, does the rest.
    """

    def __init__(self, handler: Callable[..., Any], name: str) -> None:
        self.handler = handler
        self.name = name
        self.names: dict[str, Any] = {"handler": handler}
        self.values: dict[Source, str] = {}  # expressions
        self.used: dict[str, None] = {}  # "request", "text0", ...: in use
        self.lines: list[str] = []
        self.indent = 0
        self.waits = False
        self.before_body: list[str] = []  # values made before the lines of the body
        self.body_at: int | None = None  # the first of its lines

    def add(self, argument: Filled) -> None:
        """Have the value of argument made."""
        if any(body_sources(argument.source)):
            self.body_at = len(self.lines)
            self.before_body = [value for value in self.values.values() if value.startswith("value")]
            # The rest is done in two places, so it had better be short.
            self.waits |= any(isinstance(part, Source) for part in argument.source.arguments)
        if not argument.caught:
            self.make(argument.source)
            return
        self.line("try:")
        self.indent += 1
        value = self.make(argument.source)
        self.indent -= 1
        self.line(f"except {self.bind(argument.caught)} as rejection:")
        self.line(f"    {value} = rejection")

    def make(self, source: Source) -> str:
        """Write what makes the value of source, unless it is there; return its expression."""
        if source not in self.values:
            self.values[source] = self._made(source)
        return self.values[source]

    def _made(self, source: Source) -> str:
        if source.constant is not EMPTY:
            return self.bind(source.constant)
        if source.check is not None:
            self.line(f"{self.bind(source.check)}({self.use('request')})")
        arguments = [
            self.make(argument) if isinstance(argument, Source) else self.use(argument)
            for argument in source.arguments
        ]
        if "body" in arguments:
            self.names |= {
                "here": Request.complete_body,
                "come": Request.body,
                "BodyError": BodyError,
                "refused": source.refused,
            }
            self.use("request")
            self.line("body")
        if source.call is None and "body" not in arguments:
            return arguments[0]
        for place, keyword in enumerate(source.names, len(arguments) - len(source.names)):
            arguments[place] = f"{keyword}={arguments[place]}"
        value = f"value{len(self.values)}"
        made = ", ".join(arguments)
        if source.call is not None:
            made = f"{self.bind(source.call)}({made})"
        self.waits |= source.awaited or source.entered
        if source.entered:
            self.line(f"{'async ' if source.awaited else ''}with {made} as {value}:")
            self.indent += 1
        else:
            self.line(f"{value} = {'await ' if source.awaited else ''}{made}")
        return value

    def line(self, text: str) -> None:
        self.lines.append("    " * (1 + self.indent) + text)

    def bind(self, value: Any) -> str:
        """Return a name that stands for value."""
        name = f"given{len(self.names)}"
        self.names[name] = value
        return name

    def use(self, argument: str) -> str:
        if argument != "body":
            self.used[argument] = None
        return argument

    def call(self, arguments: list[tuple[str, str]]) -> Call:
        """Return the plan's call, of the handler with arguments, (keyword or "", expression) each."""
        passed = [f"{keyword}={value}" if keyword else value for keyword, value in arguments]
        places = sorted(int(name.removeprefix("text")) for name in self.used if name != "request")
        texts = [f"text{place}" for place in places]
        request = ["request"] if "request" in self.used else []
        if not self.lines:
            # The handler as it is may want the texts in another order.
            in_order = [value for value in passed if value.startswith("text")]
            if passed == [*request, *in_order]:
                order = tuple(int(text.removeprefix("text")) for text in in_order)
                return Call(self.handler, bool(request), order)
        given = ", ".join([*request, *texts])
        called = f"handler({', '.join(passed)})"
        if self.waits:
            self.line(f"return {self._awaited(called)}")
            if self.indent:
                self.names["SWALLOWED"] = SWALLOWED
                self.lines.append("    raise RuntimeError(SWALLOWED)")
            source = [f"async def call({given}):", *self._with_body(WAIT_FOR_BODY)]
        elif self.body_at is None:
            self.line(f"return {called}")
            source = [f"def call({given}):", *self.lines]
        else:
            given_later = ", ".join([*request, *texts, *self.before_body])
            self.line(f"return {called}")
            source = [f"def call({given}):"]
            source += self._with_body([*TAKE_BODY, f"    return later({given_later})"])
            if "come" in self.names:
                self.lines[-1] = f"    return {self._awaited(called)}"
                del self.lines[: self.body_at]
                source += [f"async def later({given_later}):", *self._with_body(WAIT_FOR_BODY)]
        # Only parameter names, which are identifiers, and our own words enter the source.
        exec(compile("\n".join(source), f"<call plan of {self.name}>", "exec"), self.names)
        return Call(self.names["call"], bool(request), tuple(places))

    def _awaited(self, called: str) -> str:
        if inspect.iscoroutinefunction(function_of(self.handler)):
            return f"await {called}"
        self.names["settled"] = settled
        return f"await settled({called})"

    def _with_body(self, lines: list[str]) -> list[str]:
        """Return the lines, with these in place of "body"."""
        found: list[str] = []
        for line in self.lines:
            indent = line[: len(line) - len(line.lstrip())]
            found += [indent + one for one in lines] if line.strip() == "body" else [line]
        return found


SWALLOWED = "a dependency that yields has swallowed the handler's exception; raise it again, or another"

TAKE_BODY = [
    "try:",
    "    body = here(request)",
    "except BodyError as error:",
    "    raise refused(str(error), status=error.status) from error",
    "if body is None:",
]
WAIT_FOR_BODY = [
    "try:",
    "    body = here(request)",
    "    if body is None:",
    "        body = await come(request)",
    "except BodyError as error:",
    "    raise refused(str(error), status=error.status) from error",
]


async def settled(value: Any) -> Any:
    """Return value, or what it gives if it is awaitable."""
    return await value if inspect.isawaitable(value) else value
