// The list: facets with counts, rows, pages by key, a search that streams.

import { failed, fetched, go, h, link, number, percent, suffix, tracePath } from "/static/dom.js";
import { plain } from "/static/text.js";

const FACETS = { outcome: "Outcome", domain: "Domain", source: "Source", reason: "Reason", teacher: "Teacher", kept: "In the corpus", mark: "Marked" };
const SORTS = { id: "id", longest: "longest first", shortest: "shortest first", hardest: "hardest prompts first", easiest: "easiest prompts first" };
const NAMED = { "": "none given", yes: "yes", no: "no" };
const SHOWN_VALUES = 12;

export function draw(page, params, about, signal) {
  const rows = h("tbody");
  const status = h("p", { class: "status", role: "status" }, "Reading…");
  const pages = h("nav", { class: "pages", "aria-label": "Pages" });
  const facets = h("aside", { "aria-label": "Filters" }, filters(params));
  const main = h(
    "main",
    { id: "main", tabindex: "-1" },
    h("h1", { class: "hidden" }, "Traces"),
    h("div", { class: "bar" }, status, order(params)),
    h("table", { class: "rows" }, h("caption", { class: "hidden" }, "Traces, a row each"), head(), rows),
    pages,
  );
  page.replaceChildren(facets, main);
  counted(facets, params, status, about, signal);
  if (params.get("q")) search(rows, status, pages, params, signal);
  else listed(rows, pages, params, signal);
}

function head() {
  const names = ["Prompt", "Outcome", "Reason", "Domain", "Source", "Tokens", "Pass rate"];
  return h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col", class: ["Tokens", "Pass rate"].includes(name) ? "number" : "" }, name))));
}

function order(params) {
  const select = h(
    "select",
    { id: "sort", onchange: () => go("/" + suffix(changed(params, "sort", select.value === "id" ? [] : [select.value]))) },
    Object.entries(SORTS).map(([value, name]) => h("option", { value, selected: (params.get("sort") ?? "id") === value }, name)),
  );
  select.disabled = params.has("q");
  return h("label", { class: "sort", for: "sort" }, "Order ", select);
}

export function changed(params, name, values) {
  const next = new URLSearchParams(params);
  for (const gone of [name, "after", "before"]) next.delete(gone);
  for (const value of values) next.append(name, value);
  return next;
}

function filters(params) {
  const form = h("form", { class: "lengths", onsubmit: lengths },
    h("fieldset", {}, h("legend", {}, "Length in tokens"),
      h("label", {}, "from ", h("input", { name: "min", inputmode: "numeric", pattern: "[0-9]{0,9}", value: params.get("min") ?? "", size: 6 })),
      h("label", {}, "to ", h("input", { name: "max", inputmode: "numeric", pattern: "[0-9]{0,9}", value: params.get("max") ?? "", size: 6 })),
      h("button", {}, "Set")));
  function lengths(event) {
    event.preventDefault();
    const data = new FormData(form);
    const given = (name) => (data.get(name) ? [data.get(name)] : []);
    go("/" + suffix(changed(changed(params, "min", given("min")), "max", given("max"))));
  }
  return h("details", { class: "filters", open: matchMedia("(min-width: 60rem)").matches },
    h("summary", {}, "Filters"), h("div", { class: "facets" }), form,
    [...params.keys()].some((name) => name in FACETS || ["min", "max"].includes(name)) && link("/", { class: "clear" }, "Clear all filters"));
}

async function counted(facets, params, status, about, signal) {
  const asked = new URLSearchParams(params);
  for (const name of ["after", "before", "sort", "q"]) asked.delete(name);
  try {
    const found = await fetched("/api/counts" + suffix(asked), { signal });
    facets.querySelector(".facets").replaceChildren(...Object.entries(FACETS).map(([name, title]) => facet(name, title, found.facets[name], params)).filter(Boolean));
    if (!params.get("q")) status.replaceChildren(h("strong", {}, number(found.total)), ` ${found.total === 1 ? "trace" : "traces"} · ${number(found.tokens)} tokens`);
    if (!found.total) status.replaceChildren(about.rows ? "No trace is like this." : nothing(about));
  } catch (error) {
    if (!signal.aborted) status.replaceChildren(failed(error));
  }
}

function nothing(about) {
  if (!about.standing || !about.standing.attempts) return "There is no trace here yet.";
  return "No shard is settled yet: what has been generated is in the journal, and is listed once its shard is settled.";
}

function facet(name, title, found, params) {
  const chosen = params.getAll(name);
  const values = Object.entries({ ...Object.fromEntries(chosen.map((value) => [value, 0])), ...found }).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  if (!values.length || (values.length === 1 && !chosen.length && values[0][0] === "")) return null;
  const box = ([value, count]) => {
    const input = h("input", { type: "checkbox", name, value, checked: chosen.includes(value), onchange: () => {
      const next = input.checked ? [...chosen, value] : chosen.filter((one) => one !== value);
      sessionStorage.setItem("focus", `${name}=${value}`);
      go("/" + suffix(changed(params, name, next)));
    } });
    return h("label", {}, input, h("span", { class: "value" }, ...plain(NAMED[value] ?? value)), h("span", { class: "count" }, number(count)));
  };
  const set = h("fieldset", { "data-facet": name }, h("legend", {}, title), values.slice(0, SHOWN_VALUES).map(box));
  if (values.length > SHOWN_VALUES) set.append(h("details", {}, h("summary", {}, `${values.length - SHOWN_VALUES} more`), values.slice(SHOWN_VALUES).map(box)));
  queueMicrotask(() => {
    const focus = sessionStorage.getItem("focus");
    for (const input of set.querySelectorAll("input")) if (`${name}=${input.value}` === focus) {
      sessionStorage.removeItem("focus");
      input.focus();
    }
  });
  return set;
}

async function listed(rows, pages, params, signal) {
  try {
    const found = await fetched("/api/rows" + suffix(params), { signal });
    rows.replaceChildren(...found.rows.map((row) => line(row, params)));
    const step = (name, key, place) => place && link("/" + suffix(paged(params, key, place)), { rel: name === "Next" ? "next" : "prev", "data-page": key }, name);
    pages.replaceChildren(...[step("Previous", "before", found.before), step("Next", "after", found.after)].filter(Boolean));
    await opened(rows, signal);
  } catch (error) {
    if (!signal.aborted) pages.replaceChildren(failed(error));
  }
}

function paged(params, name, place) {
  return changed(params, name, [place]);
}

// The prompts' beginnings are text, which is read from the files: they come after the rows.
async function opened(rows, signal) {
  const waiting = [...rows.querySelectorAll("tr:not([data-opened])")];
  if (!waiting.length) return;
  waiting.forEach((row) => (row.dataset.opened = ""));
  const ids = new URLSearchParams(waiting.map((row) => ["id", row.dataset.id]));
  const found = await fetched("/api/openings?" + ids, { signal });
  for (const row of waiting) {
    const opening = found[row.dataset.id.split(".")[0]];
    if (opening) row.querySelector(".opening").replaceChildren(...plain(opening.replace(/\s+/g, " ")));
  }
}

function line(row, params) {
  const kept = new URLSearchParams(params);
  kept.delete("after");
  kept.delete("before");
  kept.set("at", row.key);
  return h("tr", { "data-id": row.id },
    h("td", { class: "prompt" },
      link(tracePath(row.id, kept), {}, h("bdi", { class: "opening" }, row.id)),
      h("span", { class: "id" }, row.id.includes(".") ? `attempt ${Number(row.id.split(".")[1]) + 1}` : row.id, row.mark && h("span", { class: `mark ${row.mark}` }, row.mark))),
    h("td", { "data-label": "Outcome" }, outcome(row)),
    h("td", { "data-label": "Reason" }, ...plain(row.reason)),
    h("td", { "data-label": "Domain" }, ...plain(row.domain)),
    h("td", { "data-label": "Source" }, ...plain(row.source)),
    h("td", { "data-label": "Tokens", class: "number" }, number(row.tokens)),
    h("td", { "data-label": "Pass rate", class: "number" }, percent(row.pass_rate)));
}

export function outcome(row) {
  const known = { correct: "✓", incorrect: "✗", undecided: "?" };
  return h("span", { class: `outcome ${row.outcome in known ? row.outcome : ""}` }, h("span", { "aria-hidden": "true" }, known[row.outcome] ?? "·"), ` ${row.outcome || "not judged"}`);
}

async function search(rows, status, pages, params, signal) {
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Searched so far" });
  const button = h("button", { type: "button", onclick: () => stop.abort() }, "Stop");
  const words = h("span", {}, "Searching…");
  status.replaceChildren(words, " ", bar, " ", button);
  const asked = new URLSearchParams(params);
  asked.delete("sort");
  let found = 0;
  try {
    for await (const told of lines("/api/search" + suffix(asked), stop.signal)) {
      if (told.error) throw new Error(told.error);
      if (told.row) {
        rows.append(line(told.row, params));
        found += 1;
        opened(rows, signal).catch(() => {});
      }
      if (told.of) {
        bar.value = told.searched / told.of;
        words.textContent = `${number(found)} found, ${Math.floor((100 * told.searched) / told.of)} % searched`;
      }
      if (told.after !== undefined) {
        status.replaceChildren(`${number(found)} found${told.after ? " on this page" : ""}${found ? "" : ": no prompt and no trace has this text"}`);
        if (told.after) pages.replaceChildren(link("/" + suffix(changed(params, "after", [told.after])), { rel: "next", "data-page": "after" }, "Search on"));
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    status.replaceChildren(stop.signal.aborted ? `Stopped: ${number(found)} found so far` : failed(error));
  }
}

async function* lines(path, signal) {
  const response = await fetch(path, { signal });
  if (!response.ok) throw new Error((await response.json()).error);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}

// Keys of the list.
export function key(name) {
  const links = [...document.querySelectorAll(".rows tbody a")];
  const at = links.indexOf(document.activeElement);
  if (name === "j") links[Math.min(links.length - 1, at + 1)]?.focus();
  else if (name === "k") links[Math.max(0, at - 1)]?.focus();
  else if (name === "n") document.querySelector("[data-page=after]")?.click();
  else if (name === "p") document.querySelector("[data-page=before]")?.click();
  else return false;
  return true;
}
