"""Clients of outside parties, one package a party."""
