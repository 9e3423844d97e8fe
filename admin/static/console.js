// Comforts only; every page works without it. "/" goes to the search box, j/k or arrows walk the rows of a list,
// Enter opens a row, Escape closes the choice of columns, and a form that is on its way cannot be sent a second time.
(function () {
  "use strict";
  var printing = false;
  var typing = function (at) { return /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) || at.isContentEditable; };
  var rows = function () { return Array.prototype.slice.call(document.querySelectorAll("table.list tbody tr a.open")); };
  document.addEventListener("keydown", function (event) {
    var menu = event.key === "Escape" && document.querySelector("details.columns[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); return; }
    if (event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) { return; }
    if (event.key === "/") {
      var box = document.getElementById("find");
      if (box) { box.focus(); box.select(); event.preventDefault(); }
      return;
    }
    var step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    var all = rows();
    if (step && all.length) {
      var here = all.indexOf(document.activeElement);
      if (here < 0 && event.key.length > 1) { return; }
      all[Math.max(0, Math.min(all.length - 1, here + step))].focus();
      event.preventDefault();
    }
  });
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post") { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.target === "_blank") { printing = true; } // the print has a tab of its own; back here, show its count
    form.dataset.sent = "1";
    setTimeout(function () { form.querySelectorAll("button").forEach(function (b) { b.disabled = true; }); }, 0);
    setTimeout(ready, 8000); // a browser that saves a PDF stays here; the server knows a form that was sent twice
  });
  window.addEventListener("pageshow", ready);
  document.addEventListener("visibilitychange", function () {
    if (printing && document.visibilityState === "visible") { location.reload(); }
  });
  function ready() {
    document.querySelectorAll("form").forEach(function (form) {
      delete form.dataset.sent;
      form.querySelectorAll("button").forEach(function (b) { b.disabled = false; });
    });
  }
}());
