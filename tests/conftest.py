"""The site that tests of the server talk to."""

from collections.abc import Callable, Iterator

import pytest
from served import Site

from fastloop_http import Router


@pytest.fixture
def make_site() -> Iterator[Callable[..., Site]]:
    """Serve apps, `make_site(app, **server options)`; none may leave a complaint with its loop."""
    sites: list[Site] = []

    def make(app: Router, **options: int) -> Site:
        sites.append(Site(app, **options))
        return sites[-1]

    yield make
    for site in sites:
        site.stop()
        site.close_peers()
    for site in sites:
        assert site.reports == []
        assert site.failure is None
