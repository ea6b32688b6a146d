"""Layers: what stands around handlers, between a request and its response.

Each is an object whose options are checked as it is made; what it keeps is its own.
"""

from fastloop_http.middleware.body_limit import BodyLimit
from fastloop_http.middleware.catch_panic import CatchPanic
from fastloop_http.middleware.compression import Compression
from fastloop_http.middleware.concurrency_limit import ConcurrencyLimit
from fastloop_http.middleware.cors import Cors
from fastloop_http.middleware.csrf import Csrf
from fastloop_http.middleware.layer import Layer, Next
from fastloop_http.middleware.load_shed import LoadShed
from fastloop_http.middleware.normalize_path import NormalizePath
from fastloop_http.middleware.rate_limit import RateLimit
from fastloop_http.middleware.request_id import RequestId
from fastloop_http.middleware.session import Session
from fastloop_http.middleware.set_header import SetHeader
from fastloop_http.middleware.timeout import Timeout
from fastloop_http.middleware.trace import Trace
from fastloop_http.middleware.trusted_host import TrustedHost

__all__ = [
    "BodyLimit",
    "CatchPanic",
    "Compression",
    "ConcurrencyLimit",
    "Cors",
    "Csrf",
    "Layer",
    "LoadShed",
    "Next",
    "NormalizePath",
    "RateLimit",
    "RequestId",
    "Session",
    "SetHeader",
    "Timeout",
    "Trace",
    "TrustedHost",
]
