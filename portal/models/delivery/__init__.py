"""Tables of deliveries, platforms and push targets."""
