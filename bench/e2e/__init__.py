"""Measure whole servers side by side: CPU time per request, as a multiple of a bare C server's."""
