"""The outbox: tasks written in the transaction of the act that causes them, done by workers after its commit."""
