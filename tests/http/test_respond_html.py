"""Html: text that is a page."""

import pytest

from fastloop_http.respond import Html, into_response


@pytest.mark.parametrize("text", ["<p>ü</p>", b"<p></p>"])
def test_text_is_answered_as_html(text: str | bytes) -> None:
    response = into_response(Html(text))
    assert (response.status, response.body) == (200, text)
    assert response.headers.items() == [("content-type", "text/html; charset=utf-8")]


def test_page_may_have_another_status() -> None:
    response = into_response((404, {"x-a": "1"}, Html("gone")))
    assert response.status == 404
    assert response.headers.items() == [("content-type", "text/html; charset=utf-8"), ("x-a", "1")]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="Html takes str or bytes, not None"):
        Html(None)  # type: ignore[arg-type]
