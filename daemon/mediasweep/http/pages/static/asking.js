// What is asked before something is done: what it would do, in sentences, and whether to go on.

export const byId = (id) => document.getElementById(id);

// Sizes as pages write them, in powers of a thousand (rules/number.py).
export function sized(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 999.5 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${bytes.toFixed(unit && bytes < 9.95 ? 1 : 0)} ${units[unit]}`;
}

const counted = (count) => count.toLocaleString("en");
const rows = (count) => `${counted(count)} ${count === 1 ? "row" : "rows"}`;

// Return what is said of some rows, and why: the reason, or how many different ones and one of them.
function because(list, said) {
  const { size } = new Set(list.map(({ why }) => why));
  const many = size > 1 ? `, for ${counted(size)} different reasons, such as` : "";
  return size ? [`${said}${many}: ${list[0].why}.`] : [];
}

// Say what a move of queue rows did.
export function moved({ move, moved: { length }, refused, left }) {
  const [one, many, then] = {
    retry: ["is tried again", "are tried again", ""],
    cancel: ["was cancelled", "were cancelled", length === 1 ? ": its asset stays" : ": their assets stay"],
  }[move];
  return [
    length ? `${rows(length)} ${length === 1 ? one : many}${then}.` : "Nothing was changed.",
    ...because(refused, `${rows(refused.length)} could not be moved`),
    ...(left ? [`${rows(left)} more ${left === 1 ? "matches" : "match"}: do this again.`] : []),
  ];
}

// Return what a move would do, and whether it would delete anything.
function movable({ move, moved: { length }, kept, cancelled, guard, refused, left }) {
  const deleted = move === "retry" ? length - kept.length : 0;
  const first = {
    retry: `${deleted ? `The ${deleted === 1 ? "asset" : "assets"} of ${rows(deleted)}` : "Nothing"} would be deleted at Cloudinary.`,
    cancel: `${rows(length)} would be cancelled: ${length === 1 ? "its asset stays" : "their assets stay"}.`,
  }[move];
  const lines = [
    length ? first : `Nothing here can be ${move === "retry" ? "tried again" : "cancelled"}.`,
    ...(guard ? [`The use check is failing, so nothing is sent until it works again: ${guard}.`] : []),
    ...because(kept, `${rows(kept.length)} would be kept all the same`),
    ...because(cancelled, `${counted(cancelled.length)} of them somebody had cancelled`),
    ...because(refused, `${rows(refused.length)} cannot be moved`),
    ...(left ? [`${rows(left)} more ${left === 1 ? "matches" : "match"}: do this again for ${left === 1 ? "it" : "them"}.`] : []),
  ];
  return { lines, nothing: !length, deletes: deleted > 0 };
}

// Return what a rehearsal has told, in sentences, and whether there is nothing to do.
export function foretold({ dataset }, told) {
  if (!told.would) return movable(told);
  const { assets, bytes } = told.would;
  const all = assets ? `${counted(assets)} ${assets === 1 ? "asset" : "assets"} (${sized(bytes)})` : "No asset";
  return { lines: [`${all} ${dataset.would}`], nothing: !assets };
}

// Show these lines, and return whether to go on; red is what deletes, or is red itself.
export function confirmed(element, { lines, nothing = false, deletes = false }) {
  const dialog = byId("confirm");
  const title = element.dataset.title || element.textContent.trim();
  byId("confirm-title").textContent = title;
  byId("confirm-text").replaceChildren(...lines.map((line) => {
    const said = document.createElement("p");
    said.textContent = line;
    return said;
  }));
  const yes = byId("confirm-yes");
  yes.textContent = element.dataset.yes || title;
  yes.className = deletes || element.classList.contains("danger") ? "danger main" : "main";
  yes.hidden = nothing;
  byId("confirm-asked").hidden = nothing || !element.dataset.ask;
  byId("confirm-ask").value = "";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
