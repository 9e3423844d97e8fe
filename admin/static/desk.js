// Comforts of the desk: amounts and total as one types (the server computes them again, exactly), price and name of a
// code, and a word before leaving with something unsaved. Works in integers: fen, and millionths for quantity and price.
(function () {
  "use strict";
  var form = document.getElementById("desk");
  if (!form || typeof BigInt === "undefined") { return; }
  var number = function (text, places) {
    var found = /^(\d{1,10})(?:\.(\d+))?$/.exec(text.replace(/[,\s¥￥]/g, ""));
    if (!found || (found[2] || "").length > places) { return null; }
    return BigInt(found[1] + (found[2] || "").padEnd(places, "0"));
  };
  var yuan = function (fen) {
    var text = fen.toString().padStart(3, "0");
    return text.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",") + "." + text.slice(-2);
  };
  var options = {};
  document.querySelectorAll("#codes option").forEach(function (option) { options[option.value] = option.dataset; });
  var at = function (place, name) { return form.elements["lines." + place + "." + name]; };
  var sum = function () {
    var total = 0n;
    for (var place = 0; at(place, "code"); place += 1) {
      var known = options[at(place, "code").value] || {};
      at(place, "name").placeholder = known.name || "";
      at(place, "unit").placeholder = known.unit || "";
      at(place, "price").placeholder = known.price || "";
      var quantity = number(at(place, "quantity").value, 6);
      var price = number(at(place, "price").value || known.price || "", 6);
      var amount = quantity !== null && price !== null && (quantity * price) % 10000000000n === 0n
        ? quantity * price / 10000000000n : null;
      at(place, "amount").placeholder = amount === null ? "" : yuan(amount);
      if (amount !== null) { total += amount; }
    }
    document.getElementById("total").textContent = yuan(total);
  };
  var typed = false;
  form.addEventListener("input", function (event) {
    typed = true;
    var cleared = /^lines\.(\d+)\.(quantity|price)$/.exec(event.target.name);
    if (cleared) { at(cleared[1], "amount").value = ""; }
    sum();
  });
  form.addEventListener("submit", function () { typed = false; });
  window.addEventListener("beforeunload", function (event) { if (typed) { event.preventDefault(); } });
}());
