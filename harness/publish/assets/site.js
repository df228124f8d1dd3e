// Sorting, filtering and choosing columns of tables that are already on the page. Nothing is fetched and nothing is written
// but attributes, order and the part of the address after #?, which keeps the state so that a link can be passed on.
"use strict";

const tables = Array.from(document.querySelectorAll("table.live"));
const state = new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
const names = new Map();
const MAX_HITS = 30;

for (const table of tables) {
  const count = (names.get(table.dataset.name) || 0) + 1;     // a page may have two tables of one kind
  names.set(table.dataset.name, count);
  table.dataset.name += count > 1 ? count : "";
  equip(table);
}
const ticks = Array.from(document.querySelectorAll("input.tick"));
const only = document.getElementById("only");
if (only) for (const box of [only, ...ticks]) box.addEventListener("change", keepTicks);
const findCell = document.getElementById("find-cell");
if (findCell) equipCellFinder(findCell);
apply();
addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#?")) return;
  for (const key of Array.from(state.keys())) state.delete(key);
  for (const [key, value] of new URLSearchParams(location.hash.slice(2))) state.set(key, value);
  apply();
});

function equip(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => { if (head.dataset.first) equipHead(table, head, column); });
  const tools = table.parentElement.previousElementSibling;
  if (!tools || !tools.classList.contains("tools")) return;
  const field = tools.querySelector("input"), columns = tools.querySelector("details");
  if (field) equipFinder(table, field);
  if (columns) equipChooser(table, columns);
}

function equipHead(table, head, column) {
  head.firstChild.addEventListener("click", () => {
    const now = head.getAttribute("aria-sort");
    const isUp = now ? now === "descending" : head.dataset.first === "up";
    keep(table, "sort", column + (isUp ? "" : "-"));
    sort(table);
  });
}

function equipFinder(table, field) {
  field.addEventListener("input", () => { keep(table, "find", field.value.trim()); find(table); });
  table.findField = field;
  table.findCount = field.nextElementSibling;
}

// Devices, models and cells are found by words in any order, the best match first. The lists of devices and models are on the
// page; each device has `number:runs` of its models.
function equipCellFinder(place) {
  const [field, count, results] = place.children;
  let devices, models;
  const load = () => {
    if (!devices) [devices, models] = ["#devices li", "#models li"].map((items) => Array.from(document.querySelectorAll(items), searchable));
  };
  place.showHits = () => {
    const typed = state.get("cell") || "", words = wordsOf(typed);
    if (words.length) load();
    if (document.activeElement !== field) field.value = typed;
    const groups = words.length ? [
      ["Devices", matches(devices, words).slice(0, 5).map((device) => hit(device.page, device.name, device.label))],
      ["Models", matches(models, words).slice(0, 5).map((model) => hit(model.page, model.name))],
    ] : [];
    const [cells, best] = words.length ? matchingCells(devices, models, words) : [0, []];
    groups.push(["Models on devices", best.map(cellHit)]);
    results.replaceChildren(...groups.filter(([, hits]) => hits.length).map(hitGroup));
    count.textContent = !words.length ? "" : !results.children.length ? "Nothing matches all of these words."
      : counted(cells, "model on a device", "models on devices") + (cells > MAX_HITS ? `, the first ${MAX_HITS} listed` : "");
  };
  field.addEventListener("focus", load);
  field.addEventListener("input", () => { set("cell", field.value.trim()); write(); place.showHits(); });
  field.addEventListener("keydown", (event) => {
    const first = results.querySelector("a");
    if (event.key === "Enter" && first) first.click();
  });
}

function searchable(item) {
  const { name, label = "", page, id, cells = "" } = item.dataset, text = plain(name + " " + label);
  const numbers = cells.split(" ").filter(Boolean).map((pair) => pair.split(":").map(Number));
  return { name, label, page, id, cells: numbers, text, squashed: text.replace(/ /g, "") };
}

function plain(text) {
  return " " + text.toLowerCase().replace(/[^\p{L}\p{N}.]+/gu, " ").trim() + " ";
}

function wordsOf(typed) {
  return plain(typed).split(" ").filter(Boolean);
}

// How well a word matches: as a whole word, as the beginning of one, within one, or across a gap ("rtx4090"); else 0.
function score(word, entry) {
  if (entry.text.includes(" " + word + " ")) return 4;
  if (entry.text.includes(" " + word)) return 3;
  return entry.text.includes(word) ? 2 : word.length > 3 && entry.squashed.includes(word) ? 1 : 0;
}

function matches(entries, words) {
  const none = words.map(() => 0);
  const scored = entries.map((entry) => [better(words.map((word) => score(word, entry)), none), entry]).filter(([sum]) => sum);
  return scored.sort((a, b) => b[0] - a[0]).map(([, entry]) => entry);
}

// [how many cells match, the best of them]; of many equally good ones those with the most runs.
function matchingCells(devices, models, words) {
  const ofModels = models.map((model) => words.map((word) => score(word, model)));
  let count = 0, best = [], least = 0;
  for (const device of devices) {
    const ofDevice = words.map((word) => score(word, device));
    for (const [number, runs] of device.cells) {
      const sum = better(ofDevice, ofModels[number]), rank = sum + runs / 1e6;
      if (!sum) continue;
      count += 1;
      if (rank > least) best.push({ rank, runs, device, model: models[number] });
      if (best.length > 10 * MAX_HITS) {
        best = sorted(best);
        least = best[best.length - 1].rank;
      }
    }
  }
  return [count, sorted(best)];
}

function sorted(cells) {
  return cells.sort((a, b) => b.rank - a.rank).slice(0, MAX_HITS);
}

// The sum over all words of the better score; 0 if neither matches a word.
function better(some, others) {
  let sum = 0;
  for (let n = 0; n < some.length; n += 1) {
    const best = Math.max(some[n], others[n]);
    if (!best) return 0;
    sum += best;
  }
  return sum;
}

function cellHit({ device, model, runs }) {
  return hit(`cells/${device.name}.${model.id}.html`, `${model.name} on ${device.name}`, counted(runs, "run"));
}

function hit(page, name, more) {
  const item = document.createElement("li"), link = document.createElement("a"), soft = document.createElement("span");
  link.href = page;
  link.textContent = name;
  soft.className = "soft";
  soft.textContent = more ? " " + more : "";
  item.append(link, soft);
  return item;
}

function hitGroup([title, hits]) {
  const group = document.createElement("div"), head = document.createElement("p"), list = document.createElement("ul");
  head.textContent = title;
  list.append(...hits);
  group.append(head, list);
  return group;
}

function counted(number, noun, plural) {
  return number.toLocaleString("en") + " " + (number === 1 ? noun : plural || noun + "s");
}

// The columns are listed when the list is opened for the first time.
function equipChooser(table, box) {
  box.addEventListener("toggle", () => { if (!table.columnTicks) listColumns(table, box); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { box.open = false; box.firstChild.focus(); }
  });
  document.addEventListener("click", (event) => { if (!box.contains(event.target)) box.open = false; });
}

function listColumns(table, box) {
  const fields = document.createElement("fieldset"), legend = document.createElement("legend"), hidden = hiddenColumns(table);
  legend.textContent = "Columns shown";
  fields.append(legend);
  table.columnTicks = Array.from(table.tHead.rows[0].cells, (head, column) => {
    if (column === 0 || isDrawing(head)) return null;
    const label = document.createElement("label"), tick = document.createElement("input");
    tick.type = "checkbox";
    tick.checked = !hidden.has(column);
    label.append(tick, " " + head.textContent);
    fields.append(label);
    tick.addEventListener("change", () => {
      const off = table.columnTicks.map((one, n) => one && !one.checked ? n : null).filter((n) => n !== null);
      keep(table, "hide", off.join("."));
      choose(table);
    });
    return tick;
  });
  box.append(fields);
}

function isDrawing(head) {
  return head.classList.contains("spark-head");
}

// ----- what the address says becomes what is shown

function apply() {
  for (const table of tables) { sort(table); find(table); choose(table); }
  if (findCell) findCell.showHits();
  if (!only) return;
  const wanted = new Set((state.get("tick") || "").split(",").filter(Boolean));
  if (state.has("tick")) for (const box of ticks) box.checked = wanted.has(box.value);
  if (state.has("only")) only.checked = true;
}

function sort(table) {
  const wanted = /^(\d+)(-?)$/.exec(state.get(table.dataset.name + ".sort") || "");
  const heads = table.tHead.rows[0].cells;
  if (!wanted || !heads[wanted[1]] || !heads[wanted[1]].dataset.first) return;
  const column = Number(wanted[1]), sign = wanted[2] ? -1 : 1;
  const rows = Array.from(table.tBodies[0].rows, (row) => [key(row.cells[column]), row]);
  rows.sort((a, b) => a[0] === b[0] ? 0 : a[0] === null ? 1 : b[0] === null ? -1 : sign * (a[0] < b[0] ? -1 : 1));
  table.tBodies[0].replaceChildren(...rows.map((pair) => pair[1]));
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
}

function key(cell) {
  const value = cell.dataset.key;
  if (value === undefined || value === "") return null;
  return value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

function find(table) {
  if (!table.findField) return;
  const typed = state.get(table.dataset.name + ".find") || "";
  if (document.activeElement !== table.findField) table.findField.value = typed;
  const words = wordsOf(typed), rows = Array.from(table.tBodies[0].rows);
  let left = 0;
  if (!words.length && !table.findCount.textContent) return;
  for (const row of rows) {
    row.entry = row.entry || searchableRow(row);
    row.hidden = !words.every((word) => score(word, row.entry));
    left += !row.hidden;
  }
  table.findCount.textContent = words.length ? left + " of " + rows.length : "";
}

// Names and other words of a row; with its numbers, "8" would find nearly every row.
function searchableRow(row) {
  const text = plain(Array.from(row.cells, (cell) => cell.classList.contains("n") ? "" : cell.textContent).join(" "));
  return { text, squashed: text.replace(/ /g, "") };
}

function hiddenColumns(table) {
  return new Set((state.get(table.dataset.name + ".hide") || "").split(".").filter(Boolean).map(Number));
}

function choose(table) {
  const off = hiddenColumns(table);
  if (!off.size && !table.hasHidden) return;
  table.hasHidden = off.size > 0;
  let isHidden = false;
  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    if (!isDrawing(head)) isHidden = off.has(column);       // a drawing goes with the column before it
    for (const row of table.rows) if (row.cells[column]) row.cells[column].hidden = isHidden;
    if (table.columnTicks && table.columnTicks[column]) table.columnTicks[column].checked = !isHidden;
  });
}

// ----- what is shown becomes what the address says

function keepTicks() {
  set("tick", ticks.filter((box) => box.checked).map((box) => box.value).join(","));
  set("only", only.checked ? "1" : "");
  write();
}

function keep(table, what, value) {
  set(table.dataset.name + "." + what, value);
  write();
}

function set(name, value) {
  if (value === "") state.delete(name); else state.set(name, value);
}

function write() {
  const fragment = state.toString().replace(/%2C/g, ",");
  history.replaceState(null, "", fragment ? "#?" + fragment : location.pathname + location.search);
}
