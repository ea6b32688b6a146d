"""Extractors: what fills the parameters of handlers from a request."""
