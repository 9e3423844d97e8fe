"""Push targets: the client, and the signature of both directions."""
