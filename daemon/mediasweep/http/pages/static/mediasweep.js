// What pages do by themselves: refresh what lives, call the API for what is pressed, ask before that.
// A page names it all in attributes; there is no second renderer and no state but what is on the page.
//
//   data-live        with an id: kept as the server would show it now
//   data-call        "POST /api/brake/ack", on a button or a form: call that route, with
//   data-body        JSON, and the named fields of the form (data-kind=list: those that are checked;
//                    words: what stands between commas)
//   data-changed     on a form: only the fields that were changed
//   data-confirm     ask first, in these words, data-yes on the button that goes on
//   data-ask         a line to fill in when asked, which goes under this name
//   data-needs       the name of a list of which something has to be selected
//   data-preview     ask the route itself first, with dry_run, and show what it would do; where it
//                    answers `would`, data-would says what happens to these
//   data-then        where to go afterwards; without it, the page is refreshed
//   data-wrong       on a form: what says why it was refused, beside the field that it describes
//   data-done        what to say afterwards, unless the answer has a message
//   data-open        open that dialog
//   data-all         a checkbox for all of that name in its form

import { byId, confirmed, foretold, moved } from "./asking.js";

const EVERY = 1500;
const LOST = 10000; // a server that hangs answers nothing, and what the page shows is no longer so
const root = document.querySelector('meta[name="root"]').content;
const csrf = document.querySelector('meta[name="csrf"]').content;

// ------------------------------------------------------------------------------------ saying

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function say(text, bad = false) {
  const line = document.createElement("p");
  line.className = bad ? "bad" : "";
  const close = document.createElement("button");
  close.className = "plain";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close this message");
  close.addEventListener("click", () => line.remove());
  line.append(text, close);
  byId("said").replaceChildren(line);
  if (!bad) setTimeout(() => line.remove(), 10000);
}

// ----------------------------------------------------------------------------------- calling

// Return the API's answer; throws an Error with the detail of its problem.
export async function call(method, path, body) {
  const asked = { method, headers: { Accept: "application/json", "X-CSRF-Token": csrf } };
  if (body !== undefined) {
    asked.headers["Content-Type"] = "application/json";
    asked.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(root + path, asked);
  } catch {
    throw new Error("mediasweep did not answer; the action may or may not have happened");
  }
  const told = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  const said = told.detail || `${answer.status} ${answer.statusText}`;
  if (!answer.ok) throw new Error(told.errors ? said : sentence(said)); // a field is named as it is written
  return told;
}

function fields(form) {
  const body = {};
  for (const field of form?.elements ?? []) {
    if (!field.name || field.disabled || field.tagName === "BUTTON") continue;
    if ("changed" in form.dataset && field.value === field.defaultValue) continue;
    if (field.dataset.kind === "list") {
      body[field.name] ??= [];
      if (field.checked) body[field.name].push(field.value);
    } else if (field.dataset.kind === "words") {
      body[field.name] = field.value.split(",").map((word) => word.trim()).filter(Boolean);
    } else if (field.type === "radio") {
      if (field.checked) body[field.name] = field.value;
    } else if (field.type === "checkbox") body[field.name] = field.checked;
    else if (field.type === "number") body[field.name] = field.value === "" ? null : Number(field.value);
    else if (field.value !== "") body[field.name] = field.value;
  }
  return body;
}

// Return the body that an element asks for.
function bodyOf(element) {
  const form = element.tagName === "FORM" ? element : element.form;
  const own = JSON.parse(element.dataset.body || "{}");
  const given = element.dataset.fields === "none" ? {} : fields(form);
  return { ...given, ...own };
}

async function act(element) {
  const [method, path] = element.dataset.call.split(" ");
  const body = bodyOf(element);
  const { needs, ask } = element.dataset;
  if (needs && !body[needs]?.length) return say("Select something first.", true);
  const empty = method === "DELETE" && !Object.keys(body).length;
  const send = (more) => call(method, path, empty ? undefined : { ...body, ...more });
  const button = element.tagName === "FORM" ? element.querySelector("button:not([type])") : element;
  const wrong = byId(element.dataset.wrong);
  if (wrong) wrong.textContent = ""; // or the same words again would not be read aloud
  button.disabled = true;
  button.classList.add("busy");
  try {
    if ("preview" in element.dataset) {
      if (!(await confirmed(element, foretold(element, await send({ dry_run: true }))))) return;
    } else if (element.dataset.confirm && !(await confirmed(element, { lines: [element.dataset.confirm] }))) return;
    const asked = ask && byId("confirm-ask").value.trim();
    const told = await send(asked ? { [ask]: asked } : {});
    if (element.dataset.then) return location.assign(element.dataset.then);
    if (element.tagName === "FORM") {
      element.reset();
      element.querySelector(":focus")?.blur(); // nobody types there any more, so it is refreshed, too
    }
    const text = told.move ? moved(told).join(" ") : told.message || element.dataset.done || "Done.";
    say(sentence(text), told.success === false);
    await refresh();
  } catch (error) {
    if (wrong) refuse(wrong, error.message);
    else say(error.message, true);
  } finally {
    button.disabled = false;
    button.classList.remove("busy");
    giveBack(button);
  }
}

// Say at a field why it was refused, and lead there.
function refuse(wrong, text) {
  wrong.textContent = text;
  const field = document.querySelector(`[aria-describedby~="${wrong.id}"]`);
  field.setAttribute("aria-invalid", "true");
  field.focus();
}

// Give the focus back to what has lost it: by being disabled, moved or, then to the heading, removed or hidden.
function giveBack(held) {
  const active = document.activeElement; // of a dialog that has just closed, still what was pressed there
  if (active !== document.body && active.checkVisibility()) return;
  const heading = document.querySelector("h1");
  heading.tabIndex = -1;
  (held.checkVisibility() ? held : heading).focus({ preventScroll: true }); // who has read on is left there
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (pressed?.dataset.open) byId(pressed.dataset.open).showModal();
  else if (pressed?.dataset.call) act(pressed);
});

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.call) return;
  event.preventDefault();
  act(event.target);
});

document.addEventListener("change", (event) => {
  const { dataset, form, checked } = event.target;
  if (!dataset.all) return;
  for (const box of form.elements) if (box.name === dataset.all) box.checked = checked;
});

// -------------------------------------------------------------------------------- refreshing

let paused = false;
let seen = new Date();
let asking = false;

// Only what has changed is put down, or it would be read aloud again and again.
function put(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function alive(lost, why = "") {
  const live = byId("live");
  if (!live) return;
  live.classList.toggle("lost", lost);
  live.setAttribute("aria-pressed", String(!paused));
  put("live-text", lost ? "lost" : paused ? "paused" : "live");
  put("lost", lost ? `Connection lost, last seen ${seen.toLocaleTimeString("en-GB")}.${why ? ` ${why}` : ""}` : "");
}

export async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(LOST) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.redirected) return location.replace(answer.url); // to the login, or from there to where it leads
    if (!answer.ok) throw new Error(page.querySelector("[data-problem]")?.dataset.problem || answer.statusText);
    if (document.querySelector("[data-again]")) return location.reload();
    const held = document.activeElement;
    for (const element of document.querySelectorAll("[data-live][id]")) {
      const fresh = page.getElementById(element.id);
      if (fresh && !inUse(element)) grow(element, fresh);
    }
    if (held !== document.body) giveBack(held);
    seen = new Date();
    alive(false);
  } catch (error) {
    alive(true, ["TypeError", "TimeoutError"].includes(error.name) ? "" : error.message);
  } finally {
    asking = false;
  }
}

// Tell whether somebody types or has selected text there.
function inUse(element) {
  const active = document.activeElement;
  if (element.contains(active) && active.matches("input:not([type=checkbox]), select, textarea")) return true;
  const selection = getSelection();
  return !selection.isCollapsed && element.contains(selection.anchorNode);
}

// Make an element like a fresh one, touching only what differs: focus, ticks and what is open stay.
// Children with an id stay the same element wherever they go, and are moved only if they change places:
// what is moved loses the focus.
function grow(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return undefined;
  }
  if (old.classList.contains("busy")) return undefined; // until its call has been answered
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  const named = (parent) => new Map([...parent.children].filter((child) => child.id).map((child) => [child.id, child]));
  const [kept, stays] = [named(old), named(fresh)];
  for (const [id, child] of kept) if (!stays.has(id)) child.remove();
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const same = child.id ? kept.get(child.id) : place?.id ? null : place;
    if (!same) {
      old.insertBefore(child, place);
      continue;
    }
    while (place !== same && place && !place.id) place = dropped(place);
    if (same !== place) old.insertBefore(same, place);
    const next = same.nextSibling;
    grow(same, child);
    place = next;
  }
  while (place) place = dropped(place);
  return undefined;
}

// Remove a node, and return the one after it.
function dropped(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function pause() {
  paused = !paused;
  alive(false);
  if (!paused) refresh();
}

byId("live")?.addEventListener("click", pause);
if (document.querySelector(".login")) refresh(); // who follows a link of another site comes without the cookie
if (document.querySelector("[data-live], [data-again]")) {
  setInterval(() => {
    if (!paused && !document.hidden) refresh();
  }, EVERY);
}

// ---------------------------------------------------------------------------------- the keys

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea") || document.querySelector("dialog[open]")) return;
  const search = document.querySelector('input[type="search"]');
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "?") byId("keys").showModal();
  else if (event.key === "p") pause();
  else if (event.key.length === 1) document.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key)}"]`)?.focus();
});
