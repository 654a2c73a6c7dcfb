// Bars over bins.
import { figure, fitted, frame, linear, xAxis, yAxis } from "./chart.js";
import { svg } from "./dom.js";
import { count, tick } from "./format.js";

// options: {title, caption, hist: {edges, counts}, xTitle, format, logY, rules: [{at, name}], bar: (lo, hi) → class,
//           pick: (lo, hi) → called when a bar is clicked, height}
function draw(options, width) {
  const { edges, counts } = options.hist;
  const height = options.height ?? 170;
  const drawing = frame({ width, height, label: options.label ?? options.title });
  const { root, box } = drawing;
  const most = Math.max(1, ...counts);
  const x = linear(edges[0], edges.at(-1), box.left, box.right);
  const level = options.logY ? (n) => (n > 0 ? Math.log10(n) + 0.3 : 0) : (n) => n;
  const y = linear(0, level(most), box.bottom, box.top);
  const format = options.format ?? tick;
  const yTicks = options.logY
    ? Array.from({ length: Math.floor(Math.log10(most)) + 1 }, (_, i) => 10 ** i)
    : linear(0, most, 0, 1).ticks(3).filter((t) => Number.isInteger(t));
  yAxis(drawing, (n) => y(level(n)), { ticks: yTicks, format: (n) => count(n) });
  counts.forEach((n, i) => {
    const left = x(edges[i]), right = x(edges[i + 1]), size = Math.max(0, right - left - Math.min(1, (right - left) * 0.2));
    if (n > 0) root.append(svg("rect", { class: `bar ${options.bar?.(edges[i], edges[i + 1]) ?? ""}`, x: left, width: size, y: Math.min(y(level(n)), box.bottom - 1), height: Math.max(1, box.bottom - y(level(n))) }));
    const hit = svg("rect", { class: `hit${options.pick ? " link" : ""}`, x: left, width: right - left, y: box.top, height: box.bottom - box.top },
      svg("title", {}, `${format(edges[i])} to ${format(edges[i + 1])}: ${count(n)}`));
    if (options.pick) hit.addEventListener("click", () => options.pick(edges[i], edges[i + 1]));
    root.append(hit);
  });
  for (const rule of options.rules ?? []) {
    if (!(rule.at >= edges[0] && rule.at <= edges.at(-1))) continue;
    root.append(svg("line", { class: `rule ${rule.soft ? "soft" : ""}`, x1: x(rule.at), x2: x(rule.at), y1: box.top, y2: box.bottom }));
    if (rule.name) root.append(svg("text", { x: x(rule.at), y: box.top - 1, "text-anchor": "middle" }, rule.name));
  }
  xAxis(drawing, x, { title: options.xTitle, format });
  return root;
}

export function histogram(options) {
  const { edges, counts } = options.hist;
  return figure({
    title: options.title,
    tools: options.tools,
    drawing: fitted((width) => draw(options, width), options.height ?? 170),
    caption: options.caption,
    columns: ["from", "to", "count"],
    rows: counts.map((n, i) => [edges[i], edges[i + 1], n]),
  });
}
