"""The national front-end form of the exchange: envelope and messages."""
