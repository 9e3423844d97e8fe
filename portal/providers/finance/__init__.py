"""The client of finance's front-end machine: envelope, messages, log."""
