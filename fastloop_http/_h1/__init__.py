"""The compiled HTTP/1.1 protocol (RFC 9110, RFC 9112)."""
