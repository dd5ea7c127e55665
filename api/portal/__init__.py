"""Self-service: what customers see and do under /my. Rendered here; read and decided by services."""
