"""The staff console: one blueprint a menu group, own templates and forms (docs/console.md)."""
