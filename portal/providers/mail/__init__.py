"""The mail server: the client, and what comes back."""
