// Elements without HTML text: whatever comes from a trace becomes a text node.

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const number = (value) => Number(value).toLocaleString("en-US");
export const percent = (value) => (value === null || value === undefined ? "–" : `${Math.round(100 * value)} %`);

// JSON from this server; its errors are one line.
export async function fetched(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body;
}

export function failed(error) {
  return h("p", { class: "failed", role: "alert" }, error.message);
}

// All state is in the URL: a page is drawn anew for each.
export function go(url, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", url);
  dispatchEvent(new PopStateEvent("popstate"));
}

export function link(url, props, ...children) {
  return h("a", { href: url, "data-nav": true, ...props }, ...children);
}

export const tracePath = (id, params) => `/trace/${encodeURIComponent(id)}${suffix(params)}`;

export function suffix(params) {
  const text = params.toString();
  return text ? `?${text}` : "";
}
