// The library, and what was deleted: how much is ticked, and pictures that cannot be loaded, which leave the sign behind them.

const form = document.getElementById("chosen");
const bar = document.getElementById("bar");

function tell() {
  const count = form.querySelectorAll('[name="ids"]:checked').length;
  bar.classList.toggle("none", !count);
  document.getElementById("picked").textContent = `${count} selected`;
}

if (form && bar) {
  form.addEventListener("change", () => setTimeout(tell)); // once all are ticked by the one that ticks all
  form.addEventListener("reset", () => setTimeout(tell));
  // what is refreshed may have lost what was ticked
  for (const list of form.querySelectorAll("div[data-live]")) new MutationObserver(tell).observe(list, { childList: true, subtree: true });
  addEventListener("pageshow", tell); // a browser that goes back ticks what was ticked
  tell();
}

// a rule and not a class, which the next refresh would take away
const without = new CSSStyleSheet();
document.adoptedStyleSheets.push(without);

function hide(picture) {
  const source = picture.getAttribute("src").replace(/["\\\n]/g, (one) => `\\${one.codePointAt(0).toString(16)} `);
  without.insertRule(`.thumb img[src="${source}"] { visibility: hidden }`);
}

document.addEventListener("error", ({ target }) => target.matches?.(".thumb img") && hide(target), true);
for (const picture of document.querySelectorAll(".thumb img")) if (picture.complete && !picture.naturalWidth && picture.loading !== "lazy") hide(picture);
