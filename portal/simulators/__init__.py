"""Stand-ins for the parties outside: a process of their own, real HTTP, fault switches; for demo and tests only."""
