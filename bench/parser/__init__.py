"""The HTTP/1.1 parser alone: no sockets, no loop."""
