"""TLS of a server: from the options to a context. Reads every file, so that what is wrong is said early."""

import os
import re
import ssl

PRIVATE_KEY = re.compile(rb"-----BEGIN (\w+ )*PRIVATE KEY-----")
CERTIFICATE = re.compile(rb"-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----")

# Seconds until a client that does not go on with its handshake has left.
HANDSHAKE_TIMEOUT_S = 10.0

# Seconds that a client has to answer our close_notify. It need not (RFC 8446 section 6.1), and one that keeps
# an idle connection does not look: each would hold up the end of the server.
CLOSE_TIMEOUT_S = 1.0

Path = str | os.PathLike[str]


def tls_context(
    *,
    certificate: Path | None,
    key: Path | None,
    key_password: str | bytes | None,
    client_ca: Path | None,
    ssl_context: ssl.SSLContext | None,
) -> ssl.SSLContext | None:
    """Return the context that the options ask for, None for a server without TLS.

    Raises OSError for a file that cannot be read, ValueError for one that has not what it should or for
    options that do not go together, TypeError for an ssl_context that is none; each names the option.
    """
    given = {
        "tls_certificate": certificate,
        "tls_key": key,
        "tls_key_password": key_password,
        "tls_client_ca": client_ca,
    }
    named = [name for name, value in given.items() if value is not None]
    if ssl_context is not None:
        if not isinstance(ssl_context, ssl.SSLContext):
            raise TypeError(f"ssl_context must be an ssl.SSLContext, not {type(ssl_context).__name__}")
        if ssl_context.protocol == ssl.PROTOCOL_TLS_CLIENT:
            raise ValueError("ssl_context is a client's; use ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)")
        if named:
            raise ValueError(f"{named[0]} and ssl_context do not go together; set it up in the context")
        return ssl_context
    if certificate is None:
        if named:
            raise ValueError(f"{named[0]} means nothing without tls_certificate; give both")
        return None
    if not isinstance(key_password, (str, bytes, type(None))):
        raise TypeError(f"tls_key_password must be str or bytes, not {type(key_password).__name__}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, certificate, key, key_password)
    if client_ca is not None:
        check_pem("tls_client_ca", client_ca, CERTIFICATE, "certificate")
        try:
            context.load_verify_locations(cafile=client_ca)
        except ssl.SSLError as exc:
            raise ValueError(f"tls_client_ca {os.fspath(client_ca)!r}: {exc.reason or exc}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load_certificate(
    context: ssl.SSLContext, certificate: Path, key: Path | None, key_password: str | bytes | None
) -> None:
    """Load certificate, a chain, and its key; None: it is in the same file."""
    check_pem("tls_certificate", certificate, CERTIFICATE, "certificate")
    if key is None:
        check_pem("tls_certificate", certificate, PRIVATE_KEY, "private key; name its file as tls_key")
    else:
        check_pem("tls_key", key, PRIVATE_KEY, "private key")
    where = f"tls_key {os.fspath(key or certificate)!r}"

    def password() -> str | bytes:
        # Without a callback OpenSSL would ask on the terminal.
        if key_password is None:
            raise ValueError(f"{where} is encrypted; give its password as tls_key_password")
        return key_password

    try:
        context.load_cert_chain(certificate, key, password)
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            why = f"does not fit tls_certificate {os.fspath(certificate)!r}; give the key it was made with"
        elif key_password is not None:
            why = f"cannot be read with the tls_key_password given: {exc.reason or exc}"
        else:
            why = f"and tls_certificate {os.fspath(certificate)!r} cannot be loaded: {exc.reason or exc}"
        raise ValueError(f"{where} {why}") from None


def check_pem(option: str, path: Path, expected: re.Pattern[bytes], what: str) -> None:
    """Raise OSError unless the file of option can be read, ValueError unless it has what is expected."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{option} must be the path of a file, not {type(path).__name__}")
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as exc:
        raise type(exc)(exc.errno, f"{option}: {exc.strerror}", os.fspath(path)) from None
    if not expected.search(content):
        raise ValueError(f"{option} {os.fspath(path)!r} has no PEM {what}")
