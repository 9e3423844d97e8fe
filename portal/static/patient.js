// Comforts only: every page works without. Copying an element, reading aloud, counting down.
"use strict";
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", () =>
    navigator.clipboard.writeText(button.dataset.copy).then(() => (button.textContent = "已复制")));
}
for (const button of document.querySelectorAll("button[data-speak]")) {
  button.hidden = !("speechSynthesis" in window);
  button.addEventListener("click", () => {
    const said = new SpeechSynthesisUtterance(document.getElementById(button.dataset.speak).innerText);
    said.lang = document.documentElement.lang;
    said.rate = 0.9;
    speechSynthesis.cancel();
    speechSynthesis.speak(said);
  });
}
for (const place of document.querySelectorAll("[data-count]")) {
  let left = Number(place.dataset.count);
  const step = setInterval(() => {
    left -= 1;
    place.textContent = left > 0 ? `（还有 ${left} 秒）` : "，已过期，请换一个新的";
    if (left <= 0) clearInterval(step);
  }, 1000);
}
