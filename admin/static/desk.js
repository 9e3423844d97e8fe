// Comforts of manual issue: amounts and total while one types (the server computes them again, exactly), price and name
// of a code, and a question before leaving with something unsaved. Works in integers: fen, and millionths for quantity
// and price; a browser without BigInt has none of it.
// Dialect: ECMAScript 2015 and nothing later, without a build step (reasons: portal/static/patient.js).
"use strict";
{
  const PLACES = 6; // decimals of quantity and price

  const integer = (text, places) => {
    const match = /^(\d{1,10})(?:\.(\d+))?$/.exec(text.replace(/[,\s¥￥]/g, ""));
    if (!match || (match[2] || "").length > places) {
      return null;
    }
    return BigInt(match[1] + (match[2] || "").padEnd(places, "0"));
  };

  const yuan = (fen) => {
    const digits = fen.toString().padStart(3, "0");
    return digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",") + "." + digits.slice(-2);
  };

  const start = (form) => {
    const none = BigInt(0);
    const scale = BigInt("10000000000"); // millionths × millionths of a yuan to one fen
    const field = (line, name) => form.elements[`lines.${line}.${name}`];
    const catalogue = {};
    for (const option of document.querySelectorAll("#codes option")) {
      catalogue[option.value] = option.dataset;
    }
    let unsaved = false;

    const amountOf = (line, item) => {
      const quantity = integer(field(line, "quantity").value, PLACES);
      const price = integer(field(line, "price").value || item.price || "", PLACES);
      if (quantity === null || price === null || (quantity * price) % scale !== none) {
        return null;
      }
      return (quantity * price) / scale;
    };

    const addUp = () => {
      let total = none;
      for (let line = 0; field(line, "code"); line += 1) {
        const item = catalogue[field(line, "code").value] || {};
        for (const name of ["name", "unit", "price"]) {
          field(line, name).placeholder = item[name] || "";
        }
        const amount = amountOf(line, item);
        field(line, "amount").placeholder = amount === null ? "" : yuan(amount);
        total += amount === null ? none : amount;
      }
      document.getElementById("total").textContent = yuan(total);
    };

    form.addEventListener("input", (event) => {
      unsaved = true;
      const changed = /^lines\.(\d+)\.(quantity|price)$/.exec(event.target.name);
      if (changed) {
        field(changed[1], "amount").value = "";
      }
      addUp();
    });

    form.addEventListener("submit", () => {
      unsaved = false;
    });

    window.addEventListener("beforeunload", (event) => {
      if (unsaved) {
        event.preventDefault();
      }
    });
  };

  const form = document.getElementById("desk");
  if (form && typeof BigInt !== "undefined") {
    start(form);
  }
}
