"""HTTP/1.1 server and handler API on fastloop."""
