// Curves, and points with names.
import { figure, fitted, frame, linear, logarithmic, xAxis, yAxis } from "./chart.js";
import { svg } from "./dom.js";
import { number } from "./format.js";

function range(values, pad) {
  let low = Infinity, high = -Infinity;
  for (const v of values)
    if (Number.isFinite(v)) {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
  if (!(low <= high)) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * pad;
  return [low - room, high + room];
}

function drawLines(options, width) {
  const drawing = frame({ left: 52, top: 18, height: options.height ?? 300, width, label: options.label ?? options.title });
  const { root, box } = drawing;
  const all = options.series.flatMap((s) => s.points);
  const [x0, x1] = options.xRange ?? range(all.map((p) => p[0]), 0);
  const [y0, y1] = options.yRange ?? range(all.map((p) => p[1]), 0.05);
  const x = linear(x0, x1, box.left, box.right), y = linear(y0, y1, box.bottom, box.top);
  yAxis(drawing, y, { title: options.yTitle });
  xAxis(drawing, x, { title: options.xTitle });
  for (const rule of options.rules ?? []) {
    root.append(svg("line", { class: "rule soft", x1: x(rule.at), x2: x(rule.at), y1: box.top, y2: box.bottom }),
      svg("text", { x: x(rule.at) + 4, y: box.top + 9 }, rule.name));
  }
  for (const s of options.series) {
    const path = s.points.filter((p) => Number.isFinite(p[1])).map((p, i) => `${i ? "L" : "M"}${x(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`).join("");
    root.append(svg("path", { class: `line ${s.style ?? ""}`, d: path }, svg("title", {}, s.name)));
  }
  return root;
}

// options: {title, caption, series: [{name, style, points: [[x, y]]}], xTitle, yTitle, xRange, yRange, rules, height}
export function lines(options) {
  return figure({
    title: options.title,
    drawing: fitted((width) => drawLines(options, width), options.height ?? 300),
    caption: options.caption,
    legend: options.series.length > 1 ? options.series.map((s) => [s.name, s.style ?? ""]) : null,
    columns: [options.xTitle ?? "x", ...options.series.map((s) => s.name)],
    rows: options.series[0].points.map((p, i) => [p[0], ...options.series.map((s) => s.points[i]?.[1] ?? NaN)]),
  });
}

function drawFrontier(placed, best, href, width) {
  const drawing = frame({ left: 52, top: 18, width, height: 320, right: width > 500 ? 110 : 40, links: true, label: "FVU over L0 of each SAE" });
  const { root, box } = drawing;
  const l0 = placed.map((s) => s.l0);
  const low = Math.min(...l0), high = Math.max(...l0);
  const x = logarithmic(low / 1.5, high * 1.5, box.left, box.right);
  const [y0, y1] = range(placed.map((s) => s.fvu), 0.18);
  const y = linear(Math.max(0, y0), y1, box.bottom, box.top);
  yAxis(drawing, y, { title: "FVU" });
  xAxis(drawing, x, { title: "L0: active latents per token (logarithmic)" });
  if (best.length > 1) root.append(svg("path", { class: "step", d: best.map((s, i) => `${i ? `H${x(s.l0).toFixed(1)}V${y(s.fvu).toFixed(1)}` : `M${x(s.l0).toFixed(1)} ${y(s.fvu).toFixed(1)}`}`).join("") }));
  const taken = [];
  for (const s of [...placed].sort((a, b) => a.fvu - b.fvu)) {
    let ty = y(s.fvu) + 4;
    while (taken.some(([px, py]) => Math.abs(px - x(s.l0)) < 150 && Math.abs(py - ty) < 14)) ty -= 14;
    taken.push([x(s.l0), ty]);
    root.append(svg("a", { href: href(s.name) },
      svg("circle", { class: `dot${s.on_frontier ? "" : " off"}`, cx: x(s.l0), cy: y(s.fvu), r: 6 }),
      svg("text", { class: "dot-name", x: x(s.l0) + 11, y: ty }, s.name),
      svg("title", {}, `${s.name}: L0 ${number(s.l0)}, FVU ${number(s.fvu)}${s.on_frontier ? "" : " (another SAE is better in both)"}`)));
  }
  return root;
}

// The L0–FVU frontier. saes: [{name, l0, fvu, on_frontier}], href: name → address.
export function frontier(saes, href) {
  const placed = saes.filter((s) => s.l0 > 0 && Number.isFinite(s.fvu));
  if (placed.length === 0) return null;
  const best = placed.filter((s) => s.on_frontier).sort((a, b) => a.l0 - b.l0 || a.fvu - b.fvu);
  return figure({
    drawing: fitted((width) => drawFrontier(placed, best, href, width), 320),
    caption: `Lower and further left is better. ${best.length === placed.length ? "No SAE here beats another in both." : `${best.length} of ${placed.length} are on the frontier: no other beats them in both sparsity and reconstruction.`}`,
    columns: ["SAE", "L0", "FVU"],
    rows: placed.map((s) => [s.name, s.l0, s.fvu]),
  });
}
