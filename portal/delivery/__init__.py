"""Delivery: one message to one person over whatever channels it takes (docs/delivery.md)."""
