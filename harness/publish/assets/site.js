// Sorting, filtering and choosing columns of tables that are already on the page. Nothing is fetched and nothing is written
// but attributes, order and the part of the address after #?, which keeps the state so that a link can be passed on.
"use strict";

const tables = Array.from(document.querySelectorAll("table.live"));
const state = new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
const names = new Map();

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
  heads.forEach((head, column) => { if (head.dataset.first) makeButton(table, head, column); });
  const tools = document.createElement("div");
  tools.className = "tools";
  if (table.dataset.find) tools.append(...finder(table));
  if (heads.length > 6) tools.append(chooser(table, heads));
  if (tools.childElementCount) table.parentElement.before(tools);
}

function makeButton(table, head, column) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const now = head.getAttribute("aria-sort");
    const isUp = now ? now === "descending" : head.dataset.first === "up";
    keep(table, "sort", column + (isUp ? "" : "-"));
    sort(table);
  });
}

function finder(table) {
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = table.dataset.find;
  field.setAttribute("aria-label", table.dataset.find);
  field.addEventListener("input", () => { keep(table, "find", field.value.trim()); find(table); });
  table.findField = field;
  table.findCount = document.createElement("output");
  return [field, table.findCount];
}

// A cell is found by words of its device and model, in any order. The lists of both are on the page; each device has the
// numbers of the models that were measured on it.
function equipCellFinder(place) {
  const devices = Array.from(document.querySelectorAll("#devices li")), models = Array.from(document.querySelectorAll("#models li"));
  const field = document.createElement("input"), count = document.createElement("output"), list = document.createElement("ul");
  const texts = models.map((one) => one.dataset.name.toLowerCase());
  field.type = "search";
  field.placeholder = place.dataset.find;
  field.setAttribute("aria-label", place.dataset.find);
  place.className = "tools";
  list.className = "ways";
  place.append(field, count, list);
  place.showFound = () => {
    const wanted = state.get("cell") || "", words = wanted.toLowerCase().split(/\s+/).filter(Boolean), links = [];
    if (document.activeElement !== field) field.value = wanted;
    let total = 0;
    for (const device of words.length ? devices : []) {
      const own = (device.dataset.name + " " + (device.dataset.label || "")).toLowerCase();
      const others = words.filter((word) => !own.includes(word));
      for (const number of device.dataset.cells.split(" ").filter(Boolean)) {
        if (!others.every((word) => texts[number].includes(word))) continue;
        total += 1;
        if (links.length < 40) links.push(cellLink(device.dataset.name, models[number].dataset));
      }
    }
    list.replaceChildren(...links);
    count.textContent = words.length ? total + (total === 1 ? " cell" : " cells") + (total > 40 ? ", the first 40 shown" : "") : "";
  };
  field.addEventListener("input", () => { set("cell", field.value.trim()); write(); place.showFound(); });
}

function cellLink(deviceTag, model) {
  const item = document.createElement("li"), link = document.createElement("a");
  link.href = "cells/" + deviceTag + "." + model.id + ".html";
  link.textContent = model.name + " on " + deviceTag;
  item.append(link);
  return item;
}

function chooser(table, heads) {
  const box = document.createElement("details"), words = document.createElement("summary"), set = document.createElement("fieldset");
  const legend = document.createElement("legend");
  words.textContent = "Columns";
  legend.textContent = "Columns shown";
  set.append(legend);
  table.columnTicks = heads.map((head, column) => {
    if (column === 0 || head.classList.contains("spark-head")) return null;
    const label = document.createElement("label"), tick = document.createElement("input");
    tick.type = "checkbox";
    tick.checked = true;
    label.append(tick, " " + head.textContent);
    set.append(label);
    tick.addEventListener("change", () => {
      const off = table.columnTicks.map((one, n) => one && !one.checked ? n : null).filter((n) => n !== null);
      keep(table, "hide", off.join("."));
      choose(table);
    });
    return tick;
  });
  box.append(words, set);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { box.open = false; words.focus(); }
  });
  document.addEventListener("click", (event) => { if (!box.contains(event.target)) box.open = false; });
  return box;
}

// ----- what the address says becomes what is shown

function apply() {
  for (const table of tables) { sort(table); find(table); choose(table); }
  if (findCell) findCell.showFound();
  if (!only) return;
  const wanted = new Set((state.get("tick") || "").split(",").filter(Boolean));
  if (state.has("tick")) for (const box of ticks) box.checked = wanted.has(box.value);
  if (state.has("only")) only.checked = true;
}

function sort(table) {
  const said = /^(\d+)(-?)$/.exec(state.get(table.dataset.name + ".sort") || "");
  const heads = table.tHead.rows[0].cells;
  if (!said || !heads[said[1]] || !heads[said[1]].dataset.first) return;
  const column = Number(said[1]), sign = said[2] ? -1 : 1;
  const rows = Array.from(table.tBodies[0].rows, (row) => [key(row.cells[column]), row]);
  rows.sort((a, b) => a[0] === b[0] ? 0 : a[0] === null ? 1 : b[0] === null ? -1 : sign * (a[0] < b[0] ? -1 : 1));
  table.tBodies[0].append(...rows.map((pair) => pair[1]));
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
  const wanted = state.get(table.dataset.name + ".find") || "";
  if (document.activeElement !== table.findField) table.findField.value = wanted;
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean), rows = Array.from(table.tBodies[0].rows);
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const left = rows.filter((row) => !row.hidden).length;
  table.findCount.textContent = words.length ? left + " of " + rows.length : "";
}

function choose(table) {
  if (!table.columnTicks) return;
  const off = new Set((state.get(table.dataset.name + ".hide") || "").split(".").filter(Boolean).map(Number));
  table.columnTicks.forEach((tick, column) => {
    if (!tick) return;
    tick.checked = !off.has(column);
    // A column without words of its own, such as a drawing, goes with the one before it.
    for (let n = column; n === column || (n < table.columnTicks.length && !table.columnTicks[n]); n += 1) {
      for (const row of table.rows) if (row.cells[n]) row.cells[n].hidden = off.has(column);
    }
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
  const said = state.toString().replace(/%2C/g, ",");
  history.replaceState(null, "", said ? "#?" + said : location.pathname + location.search);
}
