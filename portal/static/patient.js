// Comforts only, every page works without: copy an element, share the PDF, read aloud, count down, look again.
// Dialect of all our scripts: ECMAScript 2015 (const, let, arrow functions, for…of, template strings) and nothing later,
// as a file that browsers run as it is. Every browser since 2016 knows it, so what runs today's WeChat or Alipay does;
// an older one skips the whole file. The block keeps our names out of the page's global ones.
"use strict";
{
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", () => {
      navigator.clipboard.writeText(button.dataset.copy).then(() => {
        button.textContent = "已复制";
      });
    });
  }

  // The PDF itself, handed to another app; a browser that asks for a fresh tap after loading gets one.
  for (const button of document.querySelectorAll("button[data-share]")) {
    const type = "application/pdf";
    const fits = (file) => navigator.canShare && navigator.canShare({ files: [file] });
    button.hidden = typeof File !== "function" || !fits(new File([""], "a.pdf", { type }));
    let loaded = null;
    button.addEventListener("click", () => {
      const file = loaded
        ? Promise.resolve(loaded)
        : fetch(button.dataset.share)
            .then((answer) => (answer.ok ? answer.blob() : Promise.reject(new Error("no file"))))
            .then((data) => new File([data], button.dataset.name, { type }));
      file
        .then((found) => {
          loaded = found;
          return navigator.share({ files: [found] });
        })
        .catch((error) => {
          if (error.name === "NotAllowedError") {
            button.textContent = button.dataset.again;
          } else if (error.name !== "AbortError") {
            location.assign(button.dataset.share);
          }
        });
    });
  }

  for (const button of document.querySelectorAll("button[data-speak]")) {
    button.hidden = !("speechSynthesis" in window);
    button.addEventListener("click", () => {
      const speech = new SpeechSynthesisUtterance(document.getElementById(button.dataset.speak).innerText);
      speech.lang = document.documentElement.lang;
      speech.rate = 0.9;
      speechSynthesis.cancel();
      speechSynthesis.speak(speech);
    });
  }

  for (const button of document.querySelectorAll("button[data-wait]")) {
    const ready = button.textContent;
    const until = Date.now() + Number(button.dataset.wait) * 1000;
    const show = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      button.disabled = seconds > 0;
      button.textContent = seconds > 0 ? button.dataset.waiting.replace("#", seconds) : ready;
      if (seconds > 0) {
        setTimeout(show, 1000);
      }
    };
    show();
  }

  // A bill to come: look again, but not while somebody types or the page lies behind another.
  for (const element of document.querySelectorAll("[data-look]")) {
    const look = () => {
      const typing = Array.from(document.querySelectorAll("main input:not([type=hidden])")).some(
        (field) => field === document.activeElement || field.value
      );
      if (typing || document.hidden) {
        setTimeout(look, 5000);
      } else {
        location.replace(element.dataset.next);
      }
    };
    setTimeout(look, Number(element.dataset.look) * 1000);
  }

  for (const element of document.querySelectorAll("[data-count]")) {
    let seconds = Number(element.dataset.count);
    const timer = setInterval(() => {
      seconds -= 1;
      element.textContent = seconds > 0 ? `（还有 ${seconds} 秒）` : "，已过期，请换一个新的";
      if (seconds <= 0) {
        clearInterval(timer);
      }
    }, 1000);
  }
}
