"""The operator's console: pages rendered on the server, usable without JavaScript."""
