"""The accessibility checker axe, as a page runs it."""

from __future__ import annotations

import importlib.resources

AXE = (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RUN = """async (rules) => {
  const found = await axe.run(document, { resultTypes: ["violations"], elementRef: false, ...rules });
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 90)).join(" | ")}`);
}"""
