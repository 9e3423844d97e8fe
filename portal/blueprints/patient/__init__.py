"""The patients' pages (H5): server-rendered, working without JavaScript."""
