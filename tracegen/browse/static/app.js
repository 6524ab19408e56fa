// The way in: a URL becomes a page; keys; links without a reload.

import { failed, fetched, go, h, suffix } from "/static/dom.js";
import * as list from "/static/list.js";
import * as trace from "/static/trace.js";

const page = document.getElementById("page");
const help = document.getElementById("help");
const q = document.getElementById("q");
const keysOn = document.getElementById("keys-on");
const about = fetched("/api/about");
let leaving = new AbortController();

const traceId = () => (location.pathname.startsWith("/trace/") ? decodeURIComponent(location.pathname.slice("/trace/".length)) : null);

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const params = new URLSearchParams(location.search);
  q.value = params.get("q") ?? "";
  const id = traceId();
  try {
    const known = await about;
    if (signal.aborted) return;
    document.title = id ? `${id} · ${known.title}` : `${known.title} · tracegen`;
    if (id) {
      await trace.draw(page, id, params, signal);
      scrollTo(0, 0);
    } else list.draw(page, params, known, signal);
  } catch (error) {
    if (!signal.aborted) page.replaceChildren(h("main", { id: "main", tabindex: "-1" }, failed(error)));
  }
}

function standing(known) {
  document.getElementById("title").textContent = known.title;
  document.getElementById("title").title = known.uri;
  const line = document.getElementById("standing");
  const now = known.standing;
  line.hidden = !now || now.phase === "done";
  if (now) line.textContent = `This run is ${now.phase === "stopped" ? "stopped" : "going on"}: ${now.shards_settled} of ${now.shards_total} shards are settled and listed here; ${now.shards_open} are open, and their traces are in the journal.`;
}

addEventListener("popstate", show);
document.addEventListener("click", (event) => {
  const anchor = event.target.closest?.("a[data-nav]");
  if (!anchor || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(anchor.getAttribute("href"));
});
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const params = traceId() ? new URLSearchParams() : new URLSearchParams(location.search);
  params.delete("sort");
  go("/" + suffix(list.changed(params, "q", q.value ? [q.value] : [])));
});
document.getElementById("help-button").addEventListener("click", () => help.showModal());
keysOn.checked = localStorage.getItem("keys") !== "off";
keysOn.addEventListener("change", () => localStorage.setItem("keys", keysOn.checked ? "on" : "off"));

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select");
  if (event.key === "Escape" && typing) return typing.blur();
  if (typing || help.open || !keysOn.checked || event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key === "/") q.focus();
  else if (event.key === "?") help.showModal();
  else if (!(traceId() ? trace : list).key(event.key)) return;
  event.preventDefault();
});

about.then(standing, () => {});
show();
