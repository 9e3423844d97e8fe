"""Getting a bill out of its page: another browser, a window, a card pack, a mail."""
