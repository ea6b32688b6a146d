"""Accept-Encoding: which coding is chosen."""

import pytest

from fastloop_http.middleware.accept_encoding import chosen_coding, weights

OFFERED = ("zstd", "br", "gzip")


@pytest.mark.parametrize(
    ("fields", "coding"),
    [
        ([], None),
        ([""], None),
        (["gzip"], "gzip"),
        (["GZIP"], "gzip"),
        (["x-gzip"], "gzip"),
        (["deflate"], None),
        (["gzip, deflate, br, zstd"], "zstd"),
        (["gzip, deflate, br"], "br"),
        (["gzip", "br"], "br"),
        (["br;q=0.5, gzip;q=0.8"], "gzip"),
        (["br;q=0.5,gzip;q=0.500"], "br"),
        (["br ; q=0.5 , gzip;Q=1.000"], "gzip"),
        (["gzip;q=0"], None),
        (["gzip;q=0.000"], None),
        (["*"], "zstd"),
        (["*;q=0"], None),
        (["zstd;q=0, *"], "br"),
        (["gzip;q=0.5, *;q=0.1"], "gzip"),
        (["gzip, *;q=0"], "gzip"),
        (["identity"], None),
        (["identity, gzip;q=0.5"], None),
        (["identity;q=0.5, gzip;q=0.5"], "gzip"),
        (["identity;q=0, gzip;q=0.1"], "gzip"),
        (["identity;q=0"], None),
        (["gzip;q=2, br;q=0.5"], "br"),
        (["gzip;q=-1"], None),
        (["gzip;q=0.1234"], None),
        (["gzip;q=1.5"], None),
        (["gzip;q="], None),
        (["gzip;level=9"], None),
        (["gz ip, gzip;q=0.5"], "gzip"),
        ([",, gzip ,,"], "gzip"),
        (["gzip;q=0.5, gzip;q=1, br;q=0.8"], "br"),
    ],
)
def test_coding_of_the_highest_weight_is_chosen(fields: list[str], coding: str | None) -> None:
    assert chosen_coding(fields, OFFERED) == coding


def test_nothing_is_chosen_of_nothing() -> None:
    assert chosen_coding(["gzip, *"], ()) is None


@pytest.mark.parametrize("field", [" " * 2**20, "gzip;" * 2**18, "a" * 2**20, "gzip" + "\t" * 2**20 + "x"])
def test_field_of_any_content_is_read_in_one_pass(field: str) -> None:
    # In quadratic time it would not end.
    assert len(weights([field])) <= 1
