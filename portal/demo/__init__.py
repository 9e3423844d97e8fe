"""The invented hospital of the demo."""
