// Two SAEs: how near each latent of the one is to the latents of the other, with a threshold that everything follows.
import { floats, get } from "./api.js";
import { h, replace } from "./dom.js";
import { count, fixed, number, plural, share } from "./format.js";
import { histogram } from "./histogram.js";
import { copyLink } from "./keys.js";
import { go, link, setQuery } from "./router.js";
import { scatter } from "./scatter.js";
import { latentTable, pager, tableQuery } from "./table.js";

const BINS = 50;
const LIMIT = 25;
const USUAL_THRESHOLD = 0.7;
export const pairAddress = (a, b) => `/c/${encodeURIComponent(a)}/${encodeURIComponent(b)}`;

function binned(values, from, to) {
  const counts = new Array(BINS).fill(0);
  for (const v of values) if (Number.isFinite(v)) counts[Math.max(0, Math.min(BINS - 1, Math.floor(((v - from) / (to - from)) * BINS)))]++;
  return { edges: Array.from({ length: BINS + 1 }, (_, i) => from + ((to - from) * i) / BINS), counts };
}

function below(values, threshold) {
  let n = 0;
  for (const v of values) if (v < threshold) n++;
  return n;
}

function side(packed) {
  return { cos: floats(packed.cos), nearest: floats(packed.nearest), mutual: floats(packed.mutual), pearson: floats(packed.pearson) };
}

const least = (values) => values.reduce((m, v) => (v < m ? v : m), 1);

/* ---- what sae compare found ---- */

function errorTable(result, a, b) {
  const mean = result.novel_mean;
  if (!mean || mean.n === 0) return null;
  const row = (name, e) => h("tr", {}, h("th", { scope: "row" }, name), ["inactive", "active", "difference"].map((key) => h("td", { class: "r" }, number(e[key]))));
  return h("section", { class: "card" },
    h("h2", {}, "Where novel latents fire"),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "errors where novel latents fire" }, h("table", {},
      h("caption", {}, `Mean squared error over tokens on which a latent of ${a} is inactive and active, averaged over ${plural(mean.n, "novel latent")} (${count(mean.left_out)} fire too seldom or too often, ${count(mean.never_fired)} never).`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "SAE"), ["inactive", "active", "difference"].map((t) => h("th", { scope: "col", class: "r" }, t)))),
      h("tbody", {}, row(a, mean.large), row(b, mean.small)))),
    mean.excess !== null && mean.excess !== undefined ? h("p", { class: "small muted" }, `Where a novel latent fires, the error of ${b} grows by ${number(mean.excess)} more than that of ${a}`, mean.excess_ci ? ` (95% interval ${number(mean.excess_ci[0])} to ${number(mean.excess_ci[1])}).` : ".") : null);
}

// How alike a latent and its nearest fire: their activations' cosine where sae compare measured it, else the largest
// correlation with any latent there.
async function activations(data, forward) {
  const r = data.result;
  if (r && !data.flipped) {
    const { "pairs.act_cos": packed } = await get(`/results/${data.result_index}/vectors`, { names: "pairs.act_cos" });
    return { values: floats(packed), title: "cosine of the activations",
      caption: (a, b) => `Each dot is a latent of ${a} with its nearest of ${b}. ` + (r.r2 === null ? "" : `Over the ${count(r.r2_pairs)} pairs with a decoder cosine above 0.5, R\u00B2 of the two is ${fixed(r.r2, 2)}.`) };
  }
  return { values: forward.pearson, title: "largest Pearson correlation",
    caption: (a, b) => `Each dot is a latent of ${a}, with the largest cosine and the largest correlation that it has with any latent of ${b}.` };
}

/* ---- the page ---- */

// A latent without a cosine has no match; a database in which none has was made without matches.
export const NO_MATCHES = "This database holds no matches between these SAEs.";

function unmatched(a, b) {
  return { title: `${a} and ${b}`, content: [h("h1", {}, `${a} beside ${b}`), h("p", { class: "notice" }, NO_MATCHES)] };
}

export async function comparePage([a, b], query) {
  const offset = Number(query.get("offset") ?? 0) || 0;
  const which = query.get("which") ?? "novel";
  let threshold = Number(query.get("th") ?? USUAL_THRESHOLD);
  if (!(threshold >= -1 && threshold <= 1)) threshold = USUAL_THRESHOLD;
  const bounds = which === "novel" ? { max_vs_cos: threshold } : which === "shared" ? { min_vs_cos: threshold } : {};
  const wanted = { sort: "vs_cos", dir: which === "shared" ? "desc" : "asc", ...tableQuery(query), ...bounds, vs: b };
  const [data, table, { database: db }, { items: saes }] = await Promise.all([
    get(`/compare/${encodeURIComponent(a)}/${encodeURIComponent(b)}`),
    get(`/saes/${encodeURIComponent(a)}/latents`, { ...wanted, offset, limit: LIMIT }), get("/meta"), get("/saes")]);
  const forward = side(data.forward), back = side(data.back);
  if (!forward.cos.some(Number.isFinite)) return unmatched(a, b);
  const low = Math.min(least(forward.cos), least(back.cos)), from = Math.min(0, Math.floor(low * 10) / 10);
  const state = { ctx: query.get("ctx") };
  const similarity = await activations(data, forward);
  const latentHref = (i) => link(`${pairAddress(a, b)}/f/${i}/${forward.nearest[i]}`, state);
  const mutual = forward.mutual.reduce((n, m) => n + (m ? 1 : 0), 0);

  const counts = h("dl", { class: "figures" });
  const histograms = h("div", { class: "two" });
  const dots = scatter({
    title: "Do near directions fire alike?",
    xs: forward.cos, ys: similarity.values, xRange: [from, 1], yRange: [Math.min(-0.05, least(similarity.values.filter(Number.isFinite))), 1.02],
    xTitle: `largest decoder cosine with a latent of ${b}`, yTitle: similarity.title,
    side: (i) => (forward.cos[i] < threshold ? 1 : 0),
    name: (i) => `latent ${i} and ${forward.nearest[i]}: cosine ${fixed(forward.cos[i], 3)}, ${similarity.title} ${fixed(similarity.values[i], 3)}`,
    href: latentHref, open: go,
    legend: [[`at or above the threshold`, ""], ["below: novel", "s2"]],
    caption: similarity.caption(a, b),
  });
  const readout = h("output", { for: "threshold", class: "num" });

  const update = () => {
    readout.textContent = fixed(threshold, 2);
    const novel = below(forward.cos, threshold), lost = below(back.cos, threshold);
    replace(counts, [
      [`Novel in ${a}`, count(novel), `${share(novel, forward.cos.length)} of ${count(forward.cos.length)}`],
      [`Not in ${a}`, count(lost), `${share(lost, back.cos.length)} of ${count(back.cos.length)} of ${b}`],
      ["Each other's nearest", count(mutual), "pairs, at any threshold"],
    ].map(([name, value, note]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, h("small", {}, note)))));
    const draw = (values, title, other) => histogram({
      title, hist: binned(values, from, 1), xTitle: `largest cosine with a latent of ${other}`, format: (v) => fixed(v, 1), height: 190,
      bar: (lo, hi) => ((lo + hi) / 2 < threshold ? "low" : ""), rules: [{ at: threshold }],
    });
    replace(histograms, draw(forward.cos, `${a} in ${b}`, b), draw(back.cos, `${b} in ${a}`, a));
    dots.setRule(threshold);
  };
  const slider = h("input", { id: "threshold", type: "range", min: from, max: 1, step: 0.01, value: threshold,
    input: (event) => {
      threshold = Number(event.target.value);
      update();
    },
    change: (event) => setQuery({ th: Number(event.target.value) === USUAL_THRESHOLD ? null : event.target.value, offset: null }) });
  const choose = (value, title) => h("button", { type: "button", id: `which-${value}`, "aria-pressed": which === value ? "true" : "false", click: () => setQuery({ which: value === "novel" ? null : value, offset: null, sort: null, dir: null }) }, title);
  const swap = () => go(link(pairAddress(b, a), { th: query.get("th") }));
  update();
  const others = saes.filter((s) => s.name !== a && s.name !== b);
  return {
    title: `${a} and ${b}`,
    content: [
      h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: "/compare" }, "Compare"), "\u203A", h("span", {}, `${a} and ${b}`)),
      h("div", { class: "head" }, h("h1", {}, a, h("span", { class: "muted" }, " beside "), b), h("div", { class: "row noprint" },
        data.stitch !== null ? h("a", { class: "button", href: `/stitch/${data.stitch}` }, "Stitching") : null,
        h("button", { type: "button", id: "swap", click: swap }, "Swap"))),
      h("div", { class: "threshold card" }, h("label", { for: "threshold" }, "Threshold of the cosine"), slider, readout,
        h("span", { class: "muted small" }, "A latent is novel when its largest cosine is below it.")),
      counts,
      h("section", { class: "card" }, histograms),
      h("div", { class: "stack" },
        h("section", { class: "card wide" }, dots.view),
        data.result ? errorTable(data.result, data.flipped ? b : a, data.flipped ? a : b) : h("p", { class: "notice" }, "Errors where novel latents fire are shown when the database holds the result of ", h("code", {}, "sae compare"), " (", h("code", {}, "sae dash --compare DIR"), ").")),
      h("div", { class: "head" }, h("h2", { id: "latents" }, `Latents of ${a}`),
        h("div", { class: "segments", role: "group", "aria-label": "Which latents" }, choose("novel", "Novel"), choose("shared", "The others"), choose("all", "All"))),
      latentTable({ sae: a, rows: table.items, query: new URLSearchParams(wanted), columns: ["vs_cos", "vs_pearson", "n_active", "max"], tokens: db.tokens, other: b, keep: wanted }),
      pager({ offset, limit: LIMIT, total: table.total }),
      others.length ? h("p", { class: "small muted" }, `${a} beside: `, others.map((s, i) => [i ? ", " : "", h("a", { href: pairAddress(a, s.name) }, s.name)])) : null,
    ],
    shown: () => dots.setRule(threshold),
    keys: { x: { does: "swap the two", run: swap }, c: { does: "copy a link to this view", run: copyLink } },
  };
}

const KINDS = { compare: "comparison", stitch: "stitching", meta: "meta-SAE" };

export async function comparisonsPage() {
  const [{ items: saes }, { items: results }] = await Promise.all([get("/saes"), get("/results")]);
  const pairs = saes.flatMap((a) => saes.filter((b) => b.n < a.n || (b.n === a.n && b.index < a.index)).map((b) => [a, b]));
  const find = (kind, a, b) => results.find((r) => r.kind === kind && ((r.large === a.name && r.small === b.name) || (r.large === b.name && r.small === a.name)));
  return {
    title: "Compare",
    content: [
      h("h1", {}, "Compare"),
      h("p", { class: "lead" }, "Which directions does one SAE have that another does not, and what are they worth?"),
      pairs.length ? h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "pairs of SAEs" }, h("table", {},
        h("thead", {}, h("tr", {}, ["SAE", "beside", "Stored with them"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, pairs.map(([a, b]) => {
          const stitch = find("stitch", a, b);
          return h("tr", {}, h("td", {}, h("a", { class: "strong", href: pairAddress(a.name, b.name) }, a.name)), h("td", {}, b.name),
            h("td", {}, find("compare", a, b) ? h("span", { class: "tag" }, "comparison") : null, " ", stitch ? h("a", { href: `/stitch/${stitch.index}` }, "stitching") : null));
        })))) : h("p", { class: "notice" }, "There is one SAE in this database; a comparison takes two."),
      results.length ? [h("h2", {}, "Results in this database"), h("ul", {}, results.map((r) => h("li", {},
        r.kind === "compare" && r.large && r.small ? h("a", { href: pairAddress(r.large, r.small) }, KINDS[r.kind]) : h("a", { href: `/${r.kind}/${r.index}` }, KINDS[r.kind]), " ",
        h("code", {}, r.path))))] : null,
    ],
  };
}
