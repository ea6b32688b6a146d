"""key_value_store: what it stores, and its layers."""

from collections.abc import Iterator

import pytest
from shown import Example, example

ADMIN = ("-H", "Authorization: Bearer secret")


@pytest.fixture
def store() -> Iterator[Example]:
    with example("key_value_store", logs=True) as running:
        yield running


def test_documented_requests_are_answered_and_logged() -> None:
    with example("key_value_store", logs=True) as store:
        answers = store.ask_as_documented()
    assert [(answer.status, answer.body) for answer in answers] == [
        (200, b""), (200, b"hello"), (200, b'["greeting"]'), (204, b""),
    ]
    logged = [line.split(":", 2)[2].rpartition(" ")[0] for line in store.log.splitlines()]
    assert logged == [
        "PUT /store/{key} 200", "GET /store/{key} 200", "GET /store 200", "DELETE /admin/store/{key} 204",
    ]


def test_values_are_kept_as_they_are(store: Example) -> None:
    value = bytes(range(256))
    assert store.curl("-X", "PUT", "--data-binary", "@-", "/store/caf%C3%A9", input=value).status == 200
    assert store.curl("/store/caf%C3%A9").body == value
    assert store.ask("/store") == (200, ["café"])
    assert store.ask("/store/none") == (404, b"")


@pytest.mark.parametrize(
    ("path", "status"), [("/admin/store/a", 204), ("/admin/store/none", 404), ("/admin/store", 200)]
)
def test_only_admins_remove(store: Example, path: str, status: int) -> None:
    store.ask("/store/a", None, "-X", "PUT", "-d", "value")
    for wrong in [(), ("-H", "Authorization: Bearer Secret"), ("-H", "Authorization: Bearer sécret")]:
        answer = store.curl("-X", "DELETE", path, *wrong)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert store.ask("/store") == (200, ["a"])
    assert store.curl("-X", "DELETE", path, *ADMIN).status == status
    assert store.ask("/store") == (200, ["a"] if status == 404 else [])


def test_what_admins_do_not_have_is_not_there_for_anybody(store: Example) -> None:
    assert store.ask("/admin/users")[0] == 404
    assert store.ask("/admin/store")[0] == 405


def test_value_of_5_mib_is_the_largest(store: Example) -> None:
    largest = bytes(5 * 1024 * 1024)
    put = ("-X", "PUT", "--data-binary", "@-", "/store/large")
    assert store.curl(*put, input=largest).status == 200
    assert store.curl(*put, input=largest + b"\0").status == 413
    assert store.curl("/store/large").body == largest


def test_large_values_are_compressed_for_who_takes_that(store: Example) -> None:
    value = b"again and " * 10_000
    store.curl("-X", "PUT", "--data-binary", "@-", "/store/text", input=value)
    plain, compressed = store.curl("/store/text"), store.curl("/store/text", "--compressed")
    assert plain.body == compressed.body == value
    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] in ("zstd", "br", "gzip")
    assert int(compressed.headers["content-length"]) < 1000
