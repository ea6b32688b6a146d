"""Extractors: what fills the parameters of handlers from a request."""

from fastloop_http.extract.body import Body, FromBody
from fastloop_http.extract.connect_info import ConnectInfo
from fastloop_http.extract.cookie import Cookie, FromCookie
from fastloop_http.extract.depends import Depends
from fastloop_http.extract.extension import Extension, FromExtension
from fastloop_http.extract.form import Form, FromForm
from fastloop_http.extract.header import FromHeader, Header
from fastloop_http.extract.json import FromJson, Json
from fastloop_http.extract.matched_path import MatchedPath
from fastloop_http.extract.multipart import FromMultipart, Multipart, MultipartForm, Part
from fastloop_http.extract.original_uri import OriginalUri
from fastloop_http.extract.path import FromPath, Path
from fastloop_http.extract.query import FromQuery, Query
from fastloop_http.extract.raw_query import RawQuery
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.state import FromState, State
from fastloop_http.extract.stored_parts import StoredPart, StoredParts

__all__ = [
    "Body",
    "ConnectInfo",
    "Cookie",
    "Depends",
    "Extension",
    "Extractor",
    "Form",
    "FromBody",
    "FromCookie",
    "FromExtension",
    "FromForm",
    "FromHeader",
    "FromJson",
    "FromMultipart",
    "FromPath",
    "FromQuery",
    "FromState",
    "Header",
    "Json",
    "MatchedPath",
    "Multipart",
    "MultipartForm",
    "OriginalUri",
    "Parameter",
    "Part",
    "Path",
    "Query",
    "RawQuery",
    "Source",
    "State",
    "StoredPart",
    "StoredParts",
]
