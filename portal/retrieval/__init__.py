"""How a patient proves who they are, and what each level may see."""
