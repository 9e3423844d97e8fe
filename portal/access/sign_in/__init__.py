"""Signing in of staff: passwords, second factor, sessions."""
