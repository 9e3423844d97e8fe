"""What outside parties call back: receipts and events."""
