"""Push targets: who hears of bills over HTTP, what exactly, and what they answer later."""
