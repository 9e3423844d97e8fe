"""Tables of the hospital's own data and of manual issue."""
