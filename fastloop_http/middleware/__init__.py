"""Layers: what stands around handlers, between a request and its response."""
