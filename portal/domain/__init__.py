"""Pure rules of the field: money, numbers, identities, documents, states, errors. No I/O, no framework."""
