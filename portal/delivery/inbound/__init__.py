"""What platforms push to us: written down first, worked on later."""
