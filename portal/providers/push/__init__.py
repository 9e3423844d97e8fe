"""Push targets: the signature of what we send and of what they answer."""
