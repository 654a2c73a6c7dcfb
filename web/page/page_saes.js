// All SAEs of the database: the frontier and a table.
import { get } from "./api.js";
import { h } from "./dom.js";
import { count, number } from "./format.js";
import { frontier } from "./lines.js";
import { go, saePath, setQuery } from "./router.js";

const KINDS = { relu: "ReLU", topk: "TopK", batchtopk: "BatchTopK", jumprelu: "JumpReLU", matryoshka: "Matryoshka" };
export const kindName = (arch) => KINDS[arch] ?? arch;
export const recovered = ({ ce }) => (ce && ce.recovered !== null ? `${number(100 * ce.recovered, 3)}%` : "\u2013");

const COLUMNS = [
  ["name", "SAE", (s) => h("a", { class: "strong", href: saePath(s.name) }, s.name), ""],
  ["arch", "Kind", (s) => kindName(s.arch), ""],
  ["n", "Latents", (s) => count(s.n), "r"],
  ["l0", "L0", (s) => number(s.l0), "r"],
  ["fvu", "FVU", (s) => number(s.fvu), "r"],
  ["mse", "MSE", (s) => number(s.mse), "r"],
  ["cosine", "Cosine", (s) => number(s.cosine), "r"],
  ["recovered", "CE recovered", recovered, "r"],
  ["dead", "Dead", (s) => count(s.dead), "r"],
];

function sorted(items, sort, descending) {
  const value = (s) => (sort === "recovered" ? s.ce?.recovered : s[sort]);
  const order = (a, b) => (typeof value(a) === "string" ? value(a).localeCompare(value(b)) : (value(a) ?? Infinity) - (value(b) ?? Infinity));
  const out = [...items].sort((a, b) => order(a, b) || a.index - b.index);
  return descending ? out.reverse() : out;
}

function heading([key, title, , align], sort, descending) {
  const active = sort === key;
  return h("th", { scope: "col", class: align, "aria-sort": active ? (descending ? "descending" : "ascending") : null },
    h("button", { type: "button", id: `sort-${key}`, click: () => setQuery({ sort: key, dir: active && !descending ? "desc" : null }) }, title,
      h("span", { class: "arrow", "aria-hidden": "true" }, active ? (descending ? "\u25BC" : "\u25B2") : "")));
}

export async function saesPage(_, query) {
  const [{ items }, { database: db }] = await Promise.all([get("/saes"), get("/meta")]);
  const sort = query.get("sort"), descending = query.get("dir") === "desc";
  const rows = sort ? sorted(items, sort, descending) : items;
  const ticked = new Set((query.get("tick") ?? "").split(",").filter(Boolean));
  const tick = (name) => (event) => {
    if (event.target.checked) ticked.add(name);
    else ticked.delete(name);
    setQuery({ tick: [...ticked].slice(-2).join(",") });
  };
  const pair = items.filter((s) => ticked.has(s.name)).sort((a, b) => a.n - b.n);
  const chart = frontier(items, (name) => saePath(name));
  return {
    title: "SAEs",
    content: [
      h("div", { class: "head" }, h("div", {},
        h("p", { class: "eyebrow" }, [db.model, db.hook_name].filter(Boolean).join(" \u00B7 ") || "activations"),
        h("h1", {}, items.length === 1 ? "One sparse autoencoder" : `${items.length} sparse autoencoders`))),
      h("p", { class: "lead" }, `What their latents fire on, over ${count(db.tokens)} tokens of ${count(db.documents)} documents.`),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "SAEs" },
        h("table", {},
          h("thead", {}, h("tr", {}, items.length > 1 ? h("th", { scope: "col" }, h("span", { class: "unseen" }, "Choose two")) : null, COLUMNS.map((c) => heading(c, sort, descending)))),
          h("tbody", {}, rows.map((s) => {
            const box = h("input", { type: "checkbox", id: `tick-${s.name}`, "aria-label": `choose ${s.name} to compare`, change: tick(s.name) });
            box.checked = ticked.has(s.name);
            return h("tr", { class: ticked.has(s.name) ? "on" : "" }, items.length > 1 ? h("td", {}, box) : null,
              COLUMNS.map(([, , draw, align]) => h("td", { class: align }, draw(s))));
          })))),
      items.length > 1 ? h("div", { class: "pager" },
        h("span", {}, pair.length === 2 ? `${pair[0].name} and ${pair[1].name}` : "Tick two SAEs to compare them."),
        h("button", { type: "button", class: "primary", id: "compare", disabled: pair.length !== 2, click: () => go(`/c/${encodeURIComponent(pair[1].name)}/${encodeURIComponent(pair[0].name)}`) }, "Compare")) : null,
      chart ? h("section", { class: "card" }, h("h2", {}, "Sparsity against reconstruction"), chart) : null,
    ],
  };
}
