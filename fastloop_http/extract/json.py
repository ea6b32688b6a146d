"""Json: a JSON body."""

from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from fastloop_http._h1.decoding import json_call, json_check
from fastloop_http._h1.request import Request
from fastloop_http.errors import JsonRejection
from fastloop_http.extract.convert import Of
from fastloop_http.extract.failures import INVALID, failure_of
from fastloop_http.extract.rejected import rejected
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import typed

T = TypeVar("T")

MALFORMED = "JSON is malformed: "  # msgspec's own words
DECODER = msgspec.json.Decoder()


class FromJson(Extractor):
    """Take a JSON body, whose Content-Type is application/json or application/*+json.

    Optional, it is None where the request has no Content-Type.
    """

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        of = typed(parameter)
        decode = of.of_json()
        may_miss, missing = parameter.may_miss, parameter.missing

        def refuse_type(request: Request) -> None:
            if not (may_miss and request.content_type is None):
                raise JsonRejection("a JSON body has Content-Type: application/json", status=415)

        def refuse(error: Exception, body: bytes) -> Any:
            if not isinstance(error, (*INVALID, RecursionError)):
                raise error
            raise refused(error, body, of) from None

        check = json_check(refuse_type)
        call = json_call(decode, refuse)

        def call_or_miss(request: Request, body: bytes) -> Any:
            return missing if request.content_type is None else call(body)

        if may_miss:
            return Source(
                call=call_or_miss, arguments=("request", "body"), check=check, refused=JsonRejection
            )
        return Source(call=call, arguments=("body",), check=check, refused=JsonRejection)


def refused(error: Exception, body: bytes, of: Of) -> JsonRejection:
    """Return the rejection for a body. error: raised as it was decoded, perhaps before its end was seen."""
    try:
        value = DECODER.decode(body)
    except RecursionError:
        return JsonRejection("malformed JSON: nested too deeply", status=400)
    except msgspec.ValidationError as other:
        # Well-formed, with a number that is too large for Python.
        return rejected(JsonRejection, "JSON body", "pointer", [failure_of(other)], status=422)
    except UnicodeDecodeError:
        return JsonRejection("malformed JSON: not UTF-8", status=400)
    except INVALID as other:
        return JsonRejection(f"malformed JSON: {str(other).removeprefix(MALFORMED)}", status=400)
    failures = of.failures(error, value, strict=True)
    return rejected(JsonRejection, "JSON body", "pointer", failures, status=422)


Json: TypeAlias = Annotated[T, FromJson()]
