"""What tests of others' libraries share: a run as users do it, a certificate, and real databases."""

import asyncio
import shutil
import ssl
import subprocess
from types import SimpleNamespace

import databases
import pytest

import fastloop

# Seconds until something that never comes counts as missing.
PATIENCE = 30


@pytest.fixture
def run():
    """run(coroutine): run it as `asyncio.run` does; expect nothing for the exception handler."""

    def run(coroutine):
        reports = []

        async def limited():
            loop = asyncio.get_running_loop()
            assert isinstance(loop, fastloop.EventLoop)
            loop.set_exception_handler(lambda _, context: reports.append(context))
            async with asyncio.timeout(PATIENCE):
                return await coroutine

        try:
            return fastloop.run(limited())
        finally:
            assert reports == []

    return run


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """A certificate for localhost: paths `certificate` and `key`, and contexts `server` and `client`."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed: nothing to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "7", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True, env=databases.ENVIRONMENT,
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=certificate)
    return SimpleNamespace(certificate=certificate, key=key, server=server, client=client)


@pytest.fixture(scope="session")
def postgres(tls):
    """A PostgreSQL server of our own."""
    with databases.running(databases.Postgres(tls.certificate, tls.key)) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server():
    """A Redis server of our own."""
    with databases.running(databases.Redis()) as server:
        yield server
