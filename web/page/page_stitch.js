// What sae stitch found: what each latent of the large SAE is worth to the small one, and the way from the one to the
// other in every order.
import { ApiError, floats, get } from "./api.js";
import { h } from "./dom.js";
import { count, fixed, number, plural } from "./format.js";
import { copyLink } from "./keys.js";
import { lines } from "./lines.js";
import { pairAddress } from "./page_compare.js";
import { go, saePath, setQuery } from "./router.js";
import { scatter } from "./scatter.js";

const ORDERS = { cosine: "", delta: "s1", greedy: "s2", random: "s3" };
const COMPONENTS = ["components.small", "components.small.starts", "components.large", "components.large.starts", "components.max_cos", "components.delta_mse"];
const PARTS = [["mse", "MSE"], ["fvu", "FVU"], ["l0", "L0"]];

// A column of numbers, whether it was kept apart from the document or in it.
export async function readColumns(result, names) {
  const apart = names.filter((name) => name in result.vectors);
  const read = apart.length ? await get(`/results/${result.index}/vectors`, { names: apart.join(",") }) : {};
  return (name) => {
    if (read[name]) return floats(read[name]);
    const keys = name.split("."), last = keys.at(-1);
    const parent = keys.slice(0, -1).reduce((at, key) => at?.[key], result.json);
    const values = Array.isArray(parent) ? parent.map((entry) => entry[last]) : parent?.[last];
    return Array.isArray(values) ? Float32Array.from(values, (v) => v ?? NaN) : null;
  };
}

// Swaps, that with the largest effect first.
function swaps(column) {
  const [small, smallStarts, large, largeStarts, cos, delta] = COMPONENTS.map(column);
  if (!delta || !smallStarts || !largeStarts) return [];
  const list = (values, starts, i) => Array.from(values.slice(starts[i], starts[i + 1]));
  return Array.from(delta, (effect, i) => ({ small: list(small, smallStarts, i), large: list(large, largeStarts, i), max_cos: cos[i], delta_mse: effect }))
    .filter((c) => c.large.length).sort((a, b) => Math.abs(b.delta_mse) - Math.abs(a.delta_mse));
}

function pathNames(order, asked, part) {
  if (order === asked) return `path.${part}`;
  return order === "random" ? `path_random.${part}` : `other_paths.${order}.${part}`;
}

export async function stitchPage([index], query) {
  const result = await get(`/results/${encodeURIComponent(index)}`);
  if (result.kind !== "stitch") throw new ApiError(404, "not_found", `Result ${index} is not a stitching.`);
  const s = result.json, small = result.small ?? s.saes?.small, large = result.large ?? s.saes?.large;
  const part = PARTS.some(([key]) => key === query.get("y")) ? query.get("y") : "mse";
  const names = ["max_cos", "nearest", "delta_mse", "n_active", "roc.sensitivity", "roc.specificity", ...COMPONENTS, ...Object.keys(ORDERS).map((order) => pathNames(order, s.order, part))];
  const column = await readColumns(result, names);
  const cos = column("max_cos"), delta = column("delta_mse"), nearest = column("nearest");
  const finite = delta.filter(Number.isFinite);
  const low = finite.reduce((m, v) => Math.min(m, v), 0), high = finite.reduce((m, v) => Math.max(m, v), 0), room = (high - low || 1) * 0.05;
  const dots = scatter({
    title: "What inserting a latent does",
    xs: cos, ys: delta, xRange: [Math.min(0, cos.reduce((m, v) => Math.min(m, v), 1)), 1], yRange: [low - room, high + room],
    xTitle: `largest cosine with a latent of ${small}`, yTitle: "change of the MSE",
    side: (i) => (delta[i] < 0 ? 0 : 1),
    name: (i) => `latent ${i}: cosine ${fixed(cos[i], 3)} with ${nearest ? nearest[i] : "its nearest"}, MSE ${number(delta[i])}`,
    href: result.large ? (i) => saePath(result.large, `/f/${i}`) : null, open: go,
    legend: [["improves the small SAE", ""], ["worsens it", "s2"]],
    caption: `Each dot is a latent of ${large}. Inserted alone into ${small}, ${plural(s.improving, "latent improves", "latents improve")} it and ${count(s.worsening)} worsen it.`,
  });
  const series = Object.entries(ORDERS).map(([order, style]) => ({ name: order, style, values: column(pathNames(order, s.order, part)) }))
    .filter(({ values }) => values)
    .map(({ name, style, values }) => ({ name, style, points: Array.from(values, (v, i) => [i / Math.max(1, values.length - 1), v]) }));
  const title = PARTS.find(([key]) => key === part)[1];
  const operations = s.insertions + s.swaps + s.removals;
  const way = lines({
    title: `${title} on the way from the small SAE to the large one`, series, xTitle: "share of the operations", yTitle: title,
    rules: s.order === "cosine" || s.order === "delta" ? [{ at: s.insertions / Math.max(1, operations), name: "insertions end (cosine)" }] : [],
    caption: `${plural(s.insertions, "insertion")}, ${plural(s.swaps, "swap")} and ${plural(s.removals, "removal")}; the same operations in each order.`,
  });
  const sensitivity = column("roc.sensitivity"), specificity = column("roc.specificity");
  const roc = sensitivity ? lines({
    title: "Does the cosine tell which improve?", height: 320, xRange: [0, 1], yRange: [0, 1],
    series: [{ name: "threshold of the cosine", points: Array.from(sensitivity, (v, i) => [1 - specificity[i], v]).sort((a, b) => a[0] - b[0] || a[1] - b[1]) }],
    xTitle: "share of those that worsen, found too", yTitle: "share of those that improve, found",
    caption: `Area under the curve ${fixed(s.auc, 3)}. At ${number(s.threshold, 3)} the cosine is right for ${number(100 * s.accuracy, 3)}%; it tells best at ${number(s.best_threshold, 3)}.`,
  }) : null;
  const choose = ([key, name]) => h("button", { type: "button", id: `y-${key}`, "aria-pressed": part === key ? "true" : "false", click: () => setQuery({ y: key === "mse" ? null : key }) }, name);
  const components = swaps(column).slice(0, 30);
  const ids = (sae, list) => list.slice(0, 6).map((i, n) => [n ? ", " : "", sae ? h("a", { class: "num", href: saePath(sae, `/f/${i}`) }, i) : i]);
  return {
    title: `Stitching of ${small} and ${large}`,
    content: [
      h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: "/compare" }, "Compare"), "\u203A", result.small && result.large ? h("a", { href: pairAddress(result.large, result.small) }, `${large} and ${small}`) : h("span", {}, `${large} and ${small}`), "\u203A", h("span", {}, "stitching")),
      h("h1", {}, "From ", small, h("span", { class: "muted" }, " to "), large),
      h("dl", { class: "figures" }, [
        ["Improve", count(s.improving), "latents, inserted alone"], ["Worsen", count(s.worsening), ""],
        ["MSE", `${number(s.base.mse)} \u2192 ${number(s.large.mse)}`, "small and large SAE"],
        ["L0", `${number(s.base.l0)} \u2192 ${number(s.large.l0)}`, ""], ["AUC", fixed(s.auc, 3), "of the cosine"],
      ].map(([name, value, note]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, h("small", {}, note))))),
      h("section", { class: "card" }, dots.view),
      h("section", { class: "card" }, h("div", { class: "head" }, h("span"), h("div", { class: "segments", role: "group", "aria-label": "What is drawn" }, PARTS.map(choose))), way),
      roc ? h("section", { class: "card" }, h("div", { class: "narrow" }, roc)) : null,
      components.length ? [h("h2", {}, "Groups that change places"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "components" }, h("table", {},
        h("caption", {}, "Swaps with the largest effect on the MSE of the small SAE, each made alone."),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, `Out of ${small}`), h("th", { scope: "col" }, `In from ${large}`), h("th", { scope: "col", class: "r" }, "largest cosine"), h("th", { scope: "col", class: "r" }, "change of the MSE"))),
        h("tbody", {}, components.map((c) => h("tr", {}, h("td", {}, ids(result.small, c.small), c.small.length > 6 ? ` and ${c.small.length - 6} more` : ""), h("td", {}, ids(result.large, c.large), c.large.length > 6 ? ` and ${c.large.length - 6} more` : ""),
          h("td", { class: "r" }, fixed(c.max_cos, 3)), h("td", { class: "r" }, number(c.delta_mse)))))))] : null,
    ],
    shown: () => dots.setRule(s.threshold),
    keys: { c: { does: "copy a link to this view", run: copyLink } },
  };
}
