"""Exchange with finance: messages, client, exchange jobs (fiscal-ebill reference §6)."""
