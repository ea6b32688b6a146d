from array import array

class HttpRequestParser:
    def __init__(
        self,
        protocol: object,
        *,
        max_head_bytes: int = 65536,
        max_fields: int = 100,
        max_field_bytes: int = 16384,
        max_target_bytes: int = 16384,
        max_body_bytes: int = -1,
        max_chunk_ext_bytes: int = 16384,
        max_trailer_bytes: int = 16384,
    ) -> None: ...
    def set_dangerous_leniencies(
        self,
        lenient_headers: bool | None = None,
        lenient_chunked_length: bool | None = None,
        lenient_keep_alive: bool | None = None,
        lenient_transfer_encoding: bool | None = None,
        lenient_version: bool | None = None,
        lenient_data_after_close: bool | None = None,
        lenient_optional_lf_after_cr: bool | None = None,
        lenient_optional_cr_before_lf: bool | None = None,
        lenient_optional_crlf_after_chunk: bool | None = None,
        lenient_spaces_after_chunk_size: bool | None = None,
    ) -> None: ...
    def get_http_version(self) -> str: ...
    def get_method(self) -> bytes: ...
    def should_keep_alive(self) -> bool: ...
    def should_upgrade(self) -> bool: ...
    def feed_data(self, data: bytes | bytearray | memoryview | array[int]) -> None: ...
