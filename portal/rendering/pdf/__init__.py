"""The face of a bill as PDF and PNG: compiled forms, stamped."""
