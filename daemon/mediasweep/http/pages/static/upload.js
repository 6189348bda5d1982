// Uploading: files that are chosen or dropped go to the API, two at a time, each with its progress.

import { sized } from "./asking.js";
import { say } from "./mediasweep.js";

const AT_A_TIME = 2;
const root = document.querySelector('meta[name="root"]').content;
const csrf = document.querySelector('meta[name="csrf"]').content;
const form = document.getElementById("upload");
const waiting = [];
let sending = 0;

function make(tag, kind = "", text = "") {
  const element = document.createElement(tag);
  element.className = kind;
  element.textContent = text;
  return element;
}

// Return what shows a file: its line, its progress, what is said of it.
function line(file) {
  const item = make("li", "panel");
  const bar = make("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  const said = make("span", "said dim", "waiting");
  const again = make("button", "", "Try again");
  again.type = "button";
  again.hidden = true;
  item.append(make("span", "name", file.name), make("span", "dim", sized(file.size)), bar, said, again);
  document.getElementById("sent-list").append(item);
  document.getElementById("sent").hidden = false;
  return { item, bar, said, again };
}

function fail(one, text) {
  one.shown.said.className = "said bad";
  one.shown.said.textContent = text;
  one.shown.bar.hidden = true;
  one.shown.again.hidden = false;
  tell(`${one.file.name}: ${text}`);
}

function done(one, told) {
  const { said, bar, item } = one.shown;
  const named = document.getElementById("named").content.cloneNode(true);
  const [link, id] = named.children;
  link.href += told.database_sync.id;
  link.textContent = told.data.original_filename;
  id.textContent = told.data.public_id;
  said.className = "said good";
  said.replaceChildren("in the library as ", named);
  bar.hidden = true;
  item.classList.add("done");
  tell(`${one.file.name} is in the library`);
}

const tell = (text) => (document.getElementById("sent-said").textContent = text);

function send(one) {
  const { bar, said } = one.shown;
  const body = new FormData();
  for (const [name, value] of Object.entries(one.fields)) if (value) body.append(name, value);
  body.append("file", one.file); // the last: what is said of it is read first
  const request = new XMLHttpRequest();
  request.open("POST", `${root}/api/cloudinary/upload`);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRF-Token", csrf);
  request.responseType = "json";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = total ? loaded / total : 0;
    said.textContent = loaded < total ? `${Math.floor((100 * loaded) / total)} %` : "sent; Cloudinary is processing it";
    if (loaded >= total) bar.removeAttribute("value");
  });
  request.addEventListener("loadend", () => {
    sending -= 1;
    const told = request.response;
    if (request.status === 200 && told) done(one, told);
    else fail(one, told?.detail || "the connection was lost; whatever was stored is deleted in an hour");
    next();
  });
  said.className = "said dim";
  said.textContent = "begins";
  request.send(body);
}

function next() {
  while (sending < AT_A_TIME && waiting.length) {
    sending += 1;
    send(waiting.shift());
  }
}

function take(files) {
  const most = Number(document.getElementById("files").dataset.most);
  const fields = { folder: form.elements.folder.value.trim(), tags: form.elements.tags.value.trim() };
  for (const file of files) {
    const one = { file, fields, shown: line(file) };
    one.shown.again.addEventListener("click", () => {
      one.shown.again.hidden = true;
      one.shown.bar.hidden = false;
      one.shown.bar.value = 0;
      waiting.push(one);
      next();
    });
    if (file.size > most) {
      fail(one, `larger than ${sized(most)}`);
      one.shown.again.hidden = true;
    } else if (!file.size) {
      fail(one, "empty, or a folder");
      one.shown.again.hidden = true;
    } else waiting.push(one);
  }
  next();
}

if (form) {
  const drop = document.getElementById("drop");
  const chosen = document.getElementById("files");
  chosen.addEventListener("change", () => {
    take([...chosen.files]);
    chosen.value = "";
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const kind of ["dragover", "dragenter"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
    else say("That was not a file.", true);
  });
  addEventListener("beforeunload", (event) => {
    if (sending || waiting.length) event.preventDefault();
  });
}
