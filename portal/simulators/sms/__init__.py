"""Simulated SMS: the gateway and the two public clouds, before one inbox."""
