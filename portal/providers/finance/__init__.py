"""The exchange with finance: one link, its messages, and the adapter that gives them a form."""
