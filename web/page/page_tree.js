// A family: SAEs of growing width, and how the latents of the smaller are taken apart in the larger. The parent of a
// latent is its nearest in the next smaller SAE, if their cosine is above a threshold.
import { floats, get } from "./api.js";
import { frame } from "./chart.js";
import { h, svg } from "./dom.js";
import { count, fixed, number, plural, quoted } from "./format.js";
import { copyLink } from "./keys.js";
import { NO_MATCHES } from "./page_compare.js";
import { fillSelect } from "./page_sae.js";
import { link, saePath, setQuery } from "./router.js";

const USUAL = 0.4;
const MOST_NODES = 220;
const ROW = 22;

// children[level][parent] = [{id, cos}], strongest first.
function childrenOf(level, threshold) {
  const nearest = floats(level.nearest), cos = floats(level.cos);
  const out = new Map();
  nearest.forEach((parent, id) => {
    if (parent < 0 || !(cos[id] >= threshold)) return;
    if (!out.has(parent)) out.set(parent, []);
    out.get(parent).push({ id, cos: cos[id] });
  });
  for (const list of out.values()) list.sort((a, b) => b.cos - a.cos || a.id - b.id);
  return out;
}

function descendants(levels, depth, id) {
  if (depth >= levels.length) return 0;
  return (levels[depth].get(id) ?? []).reduce((n, child) => n + 1 + descendants(levels, depth + 1, child.id), 0);
}

// Rows are given to leaves in order; a parent stands beside the middle of its children.
function layout(levels, root) {
  const nodes = [], edges = [];
  let row = 0;
  const place = (depth, id, cos) => {
    const children = depth < levels.length && nodes.length < MOST_NODES ? levels[depth].get(id) ?? [] : [];
    const node = { depth, id, cos, y: 0 };
    nodes.push(node);
    const placed = children.slice(0, MOST_NODES).filter(() => nodes.length < MOST_NODES).map((child) => place(depth + 1, child.id, child.cos));
    node.y = placed.length ? (placed[0].y + placed.at(-1).y) / 2 : row++;
    node.cut = children.length - placed.length;
    for (const child of placed) edges.push([node, child]);
    return node;
  };
  place(0, root, null);
  return { nodes, edges, rows: row };
}

function drawTree(saes, levels, root, tokens) {
  const { nodes, edges, rows } = layout(levels, root);
  const width = 1000, step = (width - 190) / Math.max(1, saes.length - 1), height = Math.max(60, rows * ROW + 46);
  const { root: drawing } = frame({ width, height, links: true, label: `tree of latent ${root}` });
  const x = (depth) => 10 + depth * step, y = (node) => 40 + node.y * ROW;
  saes.forEach((s, depth) => drawing.append(svg("text", { class: "axis-title", x: x(depth), y: 14 }, `${s.name} (${count(s.n)})`)));
  for (const [from, to] of edges)
    drawing.append(svg("path", { class: `edge${to.cos >= 0.7 ? " strong" : ""}`, d: `M${x(from.depth) + 132} ${y(from)}C${x(from.depth) + 132 + (step - 132) / 2} ${y(from)} ${x(to.depth) - (step - 132) / 2} ${y(to)} ${x(to.depth)} ${y(to)}` },
      svg("title", {}, `cosine ${fixed(to.cos, 3)}`)));
  for (const node of nodes) {
    const name = tokens[node.depth]?.get(node.id);
    drawing.append(svg("a", { href: saePath(saes[node.depth].name, `/f/${node.id}`) },
      svg("rect", { class: "node", x: x(node.depth), y: y(node) - 9, width: 132, height: 18, rx: 5 }),
      svg("text", { class: "node-name", x: x(node.depth) + 7, y: y(node) + 4 }, `${node.id}${name ? `  ${quoted(name, 10)}` : ""}`),
      node.cos !== null ? svg("text", { x: x(node.depth) + 126, y: y(node) + 4, "text-anchor": "end" }, fixed(node.cos, 2)) : null,
      svg("title", {}, `latent ${node.id} of ${saes[node.depth].name}${node.cut > 0 ? `, and ${node.cut} more below it` : ""}`)));
  }
  return { drawing, nodes };
}

// The top tokens of the latents shown, for their names.
async function topTokens(saes, nodes) {
  return Promise.all(saes.map(async (s, depth) => {
    const ids = nodes.filter((n) => n.depth === depth).map((n) => n.id).slice(0, 400);
    if (!ids.length) return new Map();
    const { items } = await get(`/saes/${encodeURIComponent(s.name)}/latents`, { ids: ids.join(","), limit: ids.length });
    return new Map(items.map((row) => [row.id, row.top?.text]));
  }));
}

export async function treePage(_, query) {
  const { items } = await get("/saes");
  const family = [...items].sort((a, b) => a.n - b.n || a.index - b.index);
  const chosen = (query.get("saes") ?? "").split(",").map((name) => family.find((s) => s.name === name)).filter(Boolean);
  const saes = chosen.length > 1 ? chosen : family.filter((s, i) => i === 0 || s.n > family[i - 1].n);
  const head = [h("h1", {}, "How latents split"), h("p", { class: "lead" }, "The latents of a small SAE come apart in larger ones. Each latent hangs on its nearest in the next smaller SAE.")];
  if (saes.length < 2) return { title: "Families", content: [head, h("p", { class: "notice" }, "A family takes two SAEs of different width in one database.")] };
  let threshold = Number(query.get("th") ?? USUAL);
  if (!(threshold >= 0 && threshold <= 1)) threshold = USUAL;
  const packed = await Promise.all(saes.slice(1).map((s, i) => get(`/nearest/${encodeURIComponent(s.name)}/${encodeURIComponent(saes[i].name)}`)));
  if (!packed.every((p) => floats(p.cos).some(Number.isFinite))) return { title: "Families", content: [head, h("p", { class: "notice" }, NO_MATCHES)] };
  const levels = packed.map((p) => childrenOf(p, threshold));
  const orphans = packed.map((p, i) => floats(p.cos).filter((c) => !(c >= threshold)).length / saes[i + 1].n);
  const roots = [...levels[0].keys()].map((id) => ({ id, children: levels[0].get(id).length, all: descendants(levels, 0, id) })).sort((a, b) => b.all - a.all || a.id - b.id);
  const asked = query.has("root") ? Number(query.get("root")) : NaN;
  const root = Number.isInteger(asked) && asked >= 0 && asked < saes[0].n ? asked : roots[0]?.id ?? 0;
  const { nodes } = layout(levels, root);
  const tokens = await topTokens(saes, nodes);
  const rootTokens = (await topTokens([saes[0]], roots.slice(0, 40).map((r) => ({ depth: 0, id: r.id }))))[0];
  const { drawing } = drawTree(saes, levels, root, tokens);
  const at = roots.findIndex((r) => r.id === root);
  const to = (i) => roots[i] && setQuery({ root: roots[i].id });
  return {
    title: "Families",
    content: [
      head,
      h("div", { class: "row" },
        h("label", { class: "field" }, "Latent of ", saes[0].name, h("input", { id: "root", class: "short", inputmode: "numeric", value: root, change: (event) => setQuery({ root: event.target.value }) })),
        h("label", { class: "field" }, "Cosine at least", h("input", { id: "th", class: "short", type: "number", min: 0, max: 1, step: 0.05, value: threshold, change: (event) => setQuery({ th: Number(event.target.value) === USUAL ? null : event.target.value }) })),
        h("label", { class: "field" }, "From", fillSelect(h("select", { id: "first", change: (event) => setQuery({ saes: family.slice(family.findIndex((s) => s.name === event.target.value)).map((s) => s.name).join(","), root: null }) }), family.slice(0, -1).map((s) => [s.name, s.name]), saes[0].name))),
      h("section", { class: "card" }, h("figure", {}, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "tree" }, drawing),
        h("figcaption", {}, `Latent ${root} of ${saes[0].name} and the ${plural(nodes.length - 1, "latent")} that hang on it; beside each its cosine with its parent, strong lines from 0.7. `,
          nodes.length >= MOST_NODES ? `Only ${MOST_NODES} are drawn. ` : "",
          orphans.map((o, i) => `${number(100 * o, 3)}% of ${saes[i + 1].name} hang on nothing. `)))),
      h("h2", {}, "Latents that split most"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "roots" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Latent"), h("th", { scope: "col" }, "Top token"), h("th", { scope: "col", class: "r" }, `in ${saes[1].name}`), h("th", { scope: "col", class: "r" }, "in all"))),
        h("tbody", {}, roots.slice(0, 40).map((r) => h("tr", { class: r.id === root ? "on" : "" },
          h("td", {}, h("a", { class: "strong num", href: link("/tree", { ...Object.fromEntries(query), root: r.id }) }, r.id)),
          h("td", {}, rootTokens.get(r.id) ? h("span", { class: "tok" }, quoted(rootTokens.get(r.id), 24)) : ""),
          h("td", { class: "r" }, count(r.children)), h("td", { class: "r" }, count(r.all))))))),
    ],
    keys: { j: { does: "next latent", run: () => to(at + 1) }, k: { does: "latent before", run: () => to(at - 1) }, c: { does: "copy a link to this view", run: copyLink } },
  };
}
