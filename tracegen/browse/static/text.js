// A trace's text on the page: paragraphs, mathematics, code. Everything ends as a text node or as MathML that KaTeX made;
// what cannot be rendered stays as it was written. Characters that change how others are shown are shown themselves.

import { h, number } from "/static/dom.js";

const LONG_PARAGRAPH = 6000;
const FIRST_CHARACTERS = 24000;
const NEXT_CHARACTERS = 200000;
const INVISIBLE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF\uFFF9-\uFFFB]|[\u{E0000}-\u{E007F}]/gu;
const NAMES = {
  0x061c: "ALM", 0x200b: "ZWSP", 0x200e: "LRM", 0x200f: "RLM", 0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO",
  0x202e: "RLO", 0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM", 0x1b: "ESC", 0x0d: "CR",
};
// Display and inline mathematics, inline code, bold. A dollar sign needs a partner on its line, and no space within.
const INLINE =
  /\\\[([\s\S]{1,4000}?)\\\]|\$\$([\s\S]{1,4000}?)\$\$|\\\(([\s\S]{1,4000}?)\\\)|\$(?![\s$])([^$\n]{1,1000}?)(?<![\s\\])\$(?!\d)|`([^`\n]{1,1000})`|\*\*(?!\s)([^*\n]{1,500}?)(?<!\s)\*\*/g;

let katex = null;
const loading = import("/static/katex.min.js").then(() => (katex = self.katex));

// What is wider than the page is scrolled sideways, and by keyboard too; what is not takes no stop of the Tab key.
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

function scrolled(element) {
  widths.observe(element);
  return element;
}

export function plain(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(INVISIBLE)) {
    if (found.index > at) parts.push(text.slice(at, found.index));
    const code = found[0].codePointAt(0);
    const name = NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    parts.push(h("span", { class: "control", title: `U+${code.toString(16).toUpperCase().padStart(4, "0")}` }, name));
    at = found.index + found[0].length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

// MathML alone: no fonts, no style sheet, no HTML text. A page's policy refuses style attributes; so they are taken off.
function mathematics(source, displayMode) {
  const shown = h("code", { class: displayMode ? "tex display" : "tex" }, ...plain(source));
  if (!katex) {
    loading.then(() => shown.isConnected && shown.replaceWith(mathematics(source, displayMode)));
    return shown;
  }
  try {
    const tree = katex.__renderToDomTree(source, {
      displayMode, output: "mathml", throwOnError: true, strict: "ignore", trust: false, maxExpand: 200, maxSize: 20,
    });
    unstyled(tree);
    const drawn = h("span", { class: displayMode ? "math display" : "math" }, tree.toNode());
    return displayMode ? scrolled(drawn) : drawn;
  } catch (error) {
    shown.classList.add("broken");
    shown.title = `not rendered: ${String(error.message).slice(0, 200)}`;
    return shown;
  }
}

function unstyled(node) {
  if (node.attributes) {
    delete node.attributes.style;
    delete node.attributes.href;
  }
  if (node.style) node.style = {};
  for (const child of node.children ?? []) unstyled(child);
}

function inline(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(...plain(text.slice(at, found.index)));
    const [whole, bracket, dollars, round, dollar, code, bold] = found;
    if (code !== undefined) parts.push(h("code", {}, ...plain(code)));
    else if (bold !== undefined) parts.push(h("strong", {}, ...plain(bold)));
    else parts.push(mathematics(bracket ?? dollars ?? round ?? dollar, bracket !== undefined || dollars !== undefined));
    at = found.index + whole.length;
  }
  parts.push(...plain(text.slice(at)));
  return parts;
}

// Paragraphs end at a blank line; a fence keeps its own, and so does display mathematics. Very long ones are cut.
export function paragraphs(text) {
  const found = [];
  let open = null;
  for (const block of text.split(/(\n[^\S\n]*\n\s*?(?=\S|$))/)) {
    if (open !== null) {
      open += block;
    } else if (block.trim()) {
      open = block;
    } else continue;
    const fences = (open.match(/^[^\S\n]*```/gm) ?? []).length;
    if (fences % 2 && open.length < 4 * LONG_PARAGRAPH) continue;
    push(found, open);
    open = null;
  }
  if (open !== null) push(found, open);
  return found;
}

function push(found, text) {
  const trimmed = text.replace(/^\n+|\s+$/g, "");
  for (let at = 0; at < trimmed.length; at += LONG_PARAGRAPH) found.push(trimmed.slice(at, at + LONG_PARAGRAPH));
}

function paragraph(text, rendered) {
  if (!rendered) return h("p", { class: "source", dir: "auto" }, ...plain(text));
  const parts = text.split(/^[^\S\n]*```([^\n`]*)\n([\s\S]*?)(?:^[^\S\n]*```[^\S\n]*$|$(?![\s\S]))/gm);
  const shown = [];
  for (let i = 0; i < parts.length; i += 3) {
    if (parts[i].trim()) shown.push(prose(parts[i]));
    if (i + 2 < parts.length) {
      const language = parts[i + 1].trim();
      const code = h("code", {}, ...plain(parts[i + 2]));
      shown.push(scrolled(h("pre", { class: "code", "data-language": language }, code)));
    }
  }
  return shown.length === 1 ? shown[0] : h("div", {}, shown);
}

function prose(text) {
  const heading = /^(#{1,6})\s+([^\n]{1,300})$/.exec(text.trim());
  if (heading) return h("p", { class: "heading", dir: "auto" }, ...inline(heading[2]));
  return h("p", { dir: "auto" }, ...inline(text.replace(/^\n+|\n+$/g, "")));
}

// Draws a text piece by piece: two megabytes are folded, and come as they are asked for.
export function text(source, { rendered = true, empty = "empty" } = {}) {
  const box = h("div", { class: "text" });
  if (!source) return h("p", { class: "quiet" }, empty);
  const all = paragraphs(source);
  let next = 0;
  const more = h("button", { type: "button", class: "more", onclick: () => grow(NEXT_CHARACTERS) });
  function grow(characters) {
    const fragment = document.createDocumentFragment();
    for (let shown = 0; next < all.length && shown < characters; next++) {
      fragment.append(paragraph(all[next], rendered));
      shown += all[next].length;
    }
    more.remove();
    box.append(fragment);
    if (next === all.length) return;
    const left = all.slice(next).reduce((sum, one) => sum + one.length, 0);
    more.textContent = `Show more: ${number(left)} characters are folded`;
    box.append(more);
  }
  grow(FIRST_CHARACTERS);
  return box;
}
