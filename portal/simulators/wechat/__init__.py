"""Simulated WeChat: official account, mini-program and card pack."""
