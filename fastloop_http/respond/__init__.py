"""Answers: what handlers return."""
