// Comforts only, every page works without: "/" or N (the next person) goes to the search box, the keys that a page names
// press its buttons (data-key: P 告知单, H 换开, R 冲红), j/k or the arrows walk the rows of a list, Enter
// opens a row, Escape closes the choice of columns, and a form that is on its way cannot be sent a second time.
// Dialect: ECMAScript 2015 and nothing later, without a build step (reasons: portal/static/patient.js).
"use strict";
{
  const STEPS = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
  const SENDING_MS = 8000; // after this a form may be sent again; the server knows a form that was sent twice
  let printing = false;

  const isInput = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) || element.isContentEditable;

  const closeMenu = () => {
    const menu = document.querySelector("details.columns[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return Boolean(menu);
  };

  const focusSearch = (event) => {
    const search = document.getElementById("find");
    if (search) {
      search.focus();
      search.select();
      event.preventDefault();
    }
  };

  const pressNamed = (event) => {
    const named = document.querySelector(`[data-key="${CSS.escape(event.key.toUpperCase())}"]`);
    if (named) {
      named.click();
      event.preventDefault();
    }
    return Boolean(named);
  };

  const walkRows = (event) => {
    const step = STEPS[event.key];
    const links = Array.from(document.querySelectorAll("table.list tbody tr a.open"));
    if (!step || !links.length) {
      return;
    }
    const current = links.indexOf(document.activeElement);
    const isArrow = event.key.length > 1;
    if (current < 0 && isArrow) {
      return; // the arrows scroll the page until a row has the focus
    }
    links[Math.max(0, Math.min(links.length - 1, current + step))].focus();
    event.preventDefault();
  };

  const unlockForms = () => {
    for (const form of document.querySelectorAll("form")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) {
        button.disabled = false;
      }
    }
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && closeMenu()) {
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || isInput(event.target)) {
      return;
    }
    if (event.key === "/" || event.key.toUpperCase() === "N") {
      focusSearch(event);
      return;
    }
    if (!event.repeat && pressNamed(event)) {
      return;
    }
    walkRows(event);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") {
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.target === "_blank") {
      printing = true; // the print has a tab of its own; back here, show its count
    }
    form.dataset.sent = "1";
    setTimeout(() => {
      for (const button of form.querySelectorAll("button")) {
        button.disabled = true;
      }
    }, 0);
    setTimeout(unlockForms, SENDING_MS); // a browser that saves a PDF stays on this page
  });

  window.addEventListener("pageshow", unlockForms);

  document.addEventListener("visibilitychange", () => {
    if (printing && document.visibilityState === "visible") {
      location.reload();
    }
  });
}
