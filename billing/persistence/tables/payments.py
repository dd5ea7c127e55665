"""Payment methods, mandates, attempts, allocations and the webhook inbox."""
