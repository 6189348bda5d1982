// The library, and what was deleted: how much is ticked, and pictures that cannot be loaded, which leave the sign behind them.
// What is ticked in the library stays so from page to page, in this tab, until it is gone or nobody wants it any more.

const KEPT = "selected";
const form = document.getElementById("chosen");
const bar = document.getElementById("bar");
const keeps = form?.hasAttribute("action");
const most = Number(form?.dataset.most); // that one address may name
const boxes = () => [...form.querySelectorAll('[name="ids"]')];
let kept = new Set();

// A browser may refuse to keep anything for us: then what is ticked stays so on this page alone.
function read() {
  try {
    kept = new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
  } catch {
    // as it is
  }
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify([...kept]));
  } catch {
    // the next page has none
  }
}

function tell() {
  const here = boxes().filter(({ checked }) => checked).length;
  const count = keeps ? kept.size : here;
  bar.classList.toggle("none", !count);
  if (keeps) bar.querySelector("button:not([type])").disabled = count > most;
  const beside = [...(count > here ? [`${count - here} of them elsewhere`] : []), ...(count > most ? [`${most} at once at the most`] : [])];
  document.getElementById("picked").textContent = [`${count} selected`, ...beside].join(", ");
}

// Take over what was ticked on this page.
function take() {
  for (const { checked, value } of boxes()) kept[checked ? "add" : "delete"](value);
  if (keeps) keep();
  tell();
}

// Tick on this page what is kept: a browser that goes back has ticked something else, and a refresh nothing.
function show() {
  if (keeps) {
    read();
    for (const box of boxes()) box.checked = kept.has(box.value);
  }
  tell();
}

if (form && bar) {
  document.addEventListener("change", take); // after the listener by which one ticks all
  form.addEventListener("reset", () => {
    kept.clear();
    if (keeps) keep(); // before the boxes: a refresh between the two would tick them again
    setTimeout(take);
  });
  form.addEventListener("formdata", ({ formData }) => {
    const here = new Set(formData.getAll("ids"));
    for (const id of kept) if (!here.has(id)) formData.append("ids", id);
  });
  // what is refreshed may have lost what was ticked
  for (const list of form.querySelectorAll("div[data-live]")) new MutationObserver(show).observe(list, { childList: true, subtree: true });
  addEventListener("pageshow", show);
  if (keeps) {
    read();
    for (const box of boxes()) box.checked ||= kept.has(box.value); // somebody may have been faster than this script
  }
  take();
}

// Nobody wants any more what is gone.
function forget() {
  read();
  for (const { dataset } of plan.querySelectorAll("[data-gone]")) kept.delete(dataset.gone);
  keep();
}

const plan = document.getElementById("plan");
if (plan) {
  new MutationObserver(forget).observe(plan, { childList: true, subtree: true, attributes: true });
  forget();
}

// a rule and not a class, which the next refresh would take away
const without = new CSSStyleSheet();
document.adoptedStyleSheets.push(without);

function hide(picture) {
  const source = picture.getAttribute("src").replace(/["\\\n]/g, (one) => `\\${one.codePointAt(0).toString(16)} `);
  without.insertRule(`.thumb img[src="${source}"] { visibility: hidden }`);
}

document.addEventListener("error", ({ target }) => target.matches?.(".thumb img") && hide(target), true);
for (const picture of document.querySelectorAll(".thumb img")) if (picture.complete && !picture.naturalWidth) hide(picture);
