"""Html: text that is a page."""

from fastloop_http.respond.response import Response

HTML = {"content-type": "text/html; charset=utf-8"}


class Html:
    """Answer text as HTML; str is sent as UTF-8, and bytes must be that already.

    Nothing is escaped: what comes from elsewhere goes through html.escape() or a template first.
    """

    __slots__ = ("text",)

    def __init__(self, text: str | bytes) -> None:
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"Html takes str or bytes, not {text!r}")
        self.text: str | bytes = text

    def into_response(self) -> Response:
        """Return the page, of status 200."""
        return Response(self.text, headers=HTML)
