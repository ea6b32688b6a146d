"""Layers: what runs around handlers."""
