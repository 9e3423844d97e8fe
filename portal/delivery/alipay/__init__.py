"""Alipay: one client for the gateway, its pushes, its messages and its card pack (docs/alipay.md)."""
