"""HIS accounts: who may push, by which keys."""
