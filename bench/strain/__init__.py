"""What the HTTP server stands: connections by the thousand, slow and hostile clients, failures, its end."""
