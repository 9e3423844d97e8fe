"""What must happen after commit: tasks written with the act that causes them, drained by workers."""
