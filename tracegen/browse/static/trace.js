// One trace: prompt, reasoning, answer, reference, verdict, every attempt at the prompt, provenance, a note.

import { failed, fetched, go, h, link, number, percent, suffix, tracePath } from "/static/dom.js";
import { outcome } from "/static/list.js";
import { plain, text } from "/static/text.js";

const VERDICT = ["outcome", "reason", "verdict_reason", "detail", "verifier", "verdict_set", "cpu_s"];
let current = null;

export async function draw(page, id, params, signal) {
  page.setAttribute("aria-busy", "true");
  const found = await fetched(`/api/trace/${encodeURIComponent(id)}`, { signal });
  page.removeAttribute("aria-busy");
  const rendered = params.get("as") !== "source";
  const at = found.attempts.findIndex((row) => row.id === id);
  current = { found };
  const options = { rendered };
  page.replaceChildren(
    h("aside", { "aria-label": "This prompt" }, attempts(found, id, params)),
    h("main", { id: "main", tabindex: "-1" },
      h("div", { class: "bar" }, h("h1", {}, `Attempt ${at + 1} of ${found.attempts.length}`, " ", outcome(found.attempts[at])),
        h("div", { class: "tools" }, link("/" + suffix(back(params)), { class: "button" }, "List"), step("Previous", "before"), step("Next", "after"),
          h("button", { type: "button", id: "as", "aria-pressed": String(!rendered), onclick: toggleSource }, "As written"))),
      verdict(found),
      section("Prompt", text(found.prompt, options)),
      found.raw
        ? section("What the teacher wrote", h("p", { class: "quiet" }, "It cannot be told where the reasoning ends."), text(found.raw, options))
        : [reasoning(found, params, options), section("Answer", text(found.answer, options))],
      section("Reference", reference(found.reference, options))),
    h("aside", { class: "about", "aria-label": "This trace" }, notes(found, id), facts(found)));
}

function section(title, ...children) {
  const id = `section-${title.toLowerCase().replace(/\W+/g, "-")}`;
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), ...children);
}

function step(name, key) {
  return h("button", { type: "button", "data-step": key, disabled: !new URLSearchParams(location.search).has("at"), onclick: () => walk(key) }, name);
}

function verdict(found) {
  const facts = found.facts;
  const reason = facts.reason ?? facts.verdict_reason;
  return h("p", { class: "verdict" }, h("strong", {}, ...plain(reason || "not judged")), facts.detail && [": ", h("bdi", {}, ...plain(facts.detail))], facts.verifier && h("span", { class: "quiet" }, " by ", ...plain(facts.verifier)));
}

function reasoning(found, params, options) {
  const box = h("details", { id: "reasoning", open: params.get("reasoning") === "open" },
    h("summary", {}, h("h2", {}, "Reasoning"), h("span", { class: "quiet" }, found.reasoning ? `${number(found.reasoning.length)} characters` : "none")));
  // Drawn when it is first opened: two megabytes cost nothing while they are folded.
  const drawn = () => box.open && box.children.length === 1 && box.append(text(found.reasoning, options));
  drawn();
  box.addEventListener("toggle", () => {
    drawn();
    const next = new URLSearchParams(location.search);
    if (box.open) next.set("reasoning", "open");
    else next.delete("reasoning");
    history.replaceState(null, "", location.pathname + suffix(next));
  });
  return box;
}

function reference(source, options) {
  let given = null;
  try {
    given = JSON.parse(source);
  } catch {
    return text(source, { ...options, empty: "none" });
  }
  const { kind, answer, ...rest } = given;
  const more = Object.keys(rest).length > 0;
  return h("div", {}, h("p", { class: "quiet" }, `kind: ${kind}`),
    answer !== undefined && text(String(answer), options),
    more && h("details", { open: answer === undefined && source.length < 2000 }, h("summary", {}, `${Object.keys(rest).length} more: `, ...plain(Object.keys(rest).join(", "))), text(JSON.stringify(rest, null, 2), { rendered: false })));
}

function attempts(found, id, params) {
  const rows = found.attempts.map((row, i) =>
    h("li", {}, link(tracePath(row.id, params), { "aria-current": row.id === id ? "page" : undefined }, h("span", {}, `${i + 1}`), outcome(row), h("span", { class: "why" }, ...plain(row.reason)), h("span", { class: "count" }, number(row.tokens)), row.kept === "yes" && h("span", { class: "kept", title: "in the corpus" }, "kept"), row.mark && h("span", { class: `mark ${row.mark}` }, row.mark))));
  return h("nav", { "aria-labelledby": "attempts-title" }, h("h2", { id: "attempts-title" }, "Attempts at this prompt"), h("p", { class: "quiet" }, `pass rate ${percent(found.attempts[0].pass_rate)}`), h("ol", { class: "attempts" }, rows));
}

function notes(found, id) {
  const said = h("p", { class: "said", role: "status" });
  const area = h("textarea", { id: "note", name: "note", rows: 3, maxlength: "4000" });
  area.value = found.note?.note ?? "";
  const choices = ["right", "wrong", "unsure"].map((mark, i) => h("label", {}, h("input", { type: "radio", name: "mark", value: mark, checked: found.note?.mark === mark }), ` ${mark} `, h("kbd", {}, String(i + 1))));
  const form = h("form", { id: "notes", onsubmit: (event) => { event.preventDefault(); save(); } },
    h("h2", {}, "Your verdict"), h("fieldset", { class: "marks" }, h("legend", { class: "hidden" }, "Mark"), choices),
    h("label", { for: "note" }, "Note ", h("kbd", {}, "e")), area,
    h("div", { class: "tools" }, h("button", {}, "Save"), h("button", { type: "button", onclick: () => save("") }, "Take back")), said);
  async function save(mark = new FormData(form).get("mark") ?? "unsure") {
    try {
      const body = JSON.stringify({ mark, note: mark ? area.value : "" });
      const kept = await fetched(`/api/notes/${encodeURIComponent(id)}`, { method: "PUT", headers: { "Content-Type": "application/json" }, body });
      area.value = kept.note;
      for (const input of form.elements.mark) input.checked = input.value === kept.mark;
      said.replaceChildren(mark ? `Kept as ${mark}.` : "Taken back.");
    } catch (error) {
      said.replaceChildren(failed(error));
    }
  }
  form.save = save;
  return form;
}

function facts(found) {
  const shown = Object.entries(found.facts).filter(([name, value]) => !VERDICT.slice(0, 4).includes(name) && name !== "domain" && value !== null && value !== "");
  const value = (name, given) => (name === "started_at_s" ? new Date(1000 * given).toISOString() : typeof given === "number" && name.includes("tokens") ? number(given) : String(given));
  const pair = ([name, given]) => h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, h("bdi", {}, ...plain(value(name, given)))));
  return h("section", { "aria-labelledby": "facts-title" }, h("h2", { id: "facts-title" }, "Where it comes from"), h("dl", { class: "facts" }, pair(["domain", found.facts.domain]), shown.map(pair)));
}

function back(params) {
  const next = new URLSearchParams(params);
  for (const name of ["at", "reasoning", "as"]) next.delete(name);
  return next;
}

function toggleSource() {
  const next = new URLSearchParams(location.search);
  if (next.get("as") === "source") next.delete("as");
  else next.set("as", "source");
  go(location.pathname + suffix(next), { replace: true });
}

// The next or previous trace of the list that this one was opened from.
async function walk(direction) {
  // The URL, not what is drawn: a key may come before the page that the last one asked for.
  const params = new URLSearchParams(location.search);
  if (!params.has("at")) return;
  const asked = back(params);
  asked.set("limit", "1");
  asked.set(direction, params.get("at"));
  const row = asked.get("q") ? await nextHit(asked, direction) : (await fetched("/api/rows" + suffix(asked))).rows[0];
  if (!row) return;
  const next = new URLSearchParams(params);
  next.set("at", row.key);
  go(tracePath(row.id, next));
}

async function nextHit(asked, direction) {
  if (direction === "before") return history.back();
  asked.delete("sort");
  const response = await fetch("/api/search" + suffix(asked));
  const found = (await response.text()).split("\n").filter(Boolean).map((one) => JSON.parse(one));
  return found.find((told) => told.row)?.row;
}

// Keys of a trace.
export function key(name) {
  if (!current) return false;
  const sibling = (step) => {
    const rows = current.found.attempts;
    const at = rows.findIndex((row) => location.pathname === tracePath(row.id, ""));
    const row = at >= 0 && rows[at + step];
    if (row) go(tracePath(row.id, new URLSearchParams(location.search)));
  };
  const form = document.getElementById("notes");
  const mark = { 1: "right", 2: "wrong", 3: "unsure" }[name];
  if (name === "j") walk("after");
  else if (name === "k") walk("before");
  else if (name === "[") sibling(-1);
  else if (name === "]") sibling(1);
  else if (name === "u") go("/" + suffix(back(new URLSearchParams(location.search))));
  else if (name === "r") document.querySelector("#reasoning > summary")?.click();
  else if (name === "s") toggleSource();
  else if (name === "e") document.getElementById("note")?.focus();
  else if (mark && form) form.save(mark);
  else return false;
  return true;
}
