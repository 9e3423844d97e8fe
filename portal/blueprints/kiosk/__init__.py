"""Pages of the self-service kiosk 自助机: a device of its own, big targets, no JavaScript."""
