class ParseError(ValueError):
    status: int
    reason: str
    section: str
    offset: int
    def __init__(self, message: str, status: int, reason: str, section: str, offset: int) -> None: ...

class HeadError(ParseError): ...
