// What every drawing has: scales with round ticks, axes, a caption that says what there is to see, and its numbers as a
// table. Drawn as SVG by hand: the few kinds that are needed take less than any library, and follow the page's styles.
import { h, svg } from "./dom.js";
import { number, tick } from "./format.js";

export function linear(from, to, low, high) {
  const scale = (value) => low + ((value - from) / (to - from || 1)) * (high - low);
  scale.invert = (place) => from + ((place - low) / (high - low || 1)) * (to - from);
  scale.ticks = (wanted = 5) => {
    const raw = (to - from) / wanted, power = 10 ** Math.floor(Math.log10(raw || 1));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.99) ?? power;
    const out = [];
    for (let t = Math.ceil(from / step - 1e-9) * step; t <= to + step * 1e-6; t += step) out.push(Math.abs(t) < step * 1e-9 ? 0 : t);
    return out;
  };
  return scale;
}

export function logarithmic(from, to, low, high) {
  const inner = linear(Math.log10(from), Math.log10(to), low, high);
  const scale = (value) => inner(Math.log10(value));
  scale.invert = (place) => 10 ** inner.invert(place);
  scale.ticks = () => {
    const decades = Math.log10(to / from);
    const multiples = decades > 3 ? [1] : decades > 1.2 ? [1, 3] : decades > 0.5 ? [1, 2, 3, 5, 7] : [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
    const out = [];
    for (let p = Math.floor(Math.log10(from)); p <= Math.ceil(Math.log10(to)); p++)
      for (const m of multiples) if (m * 10 ** p >= from * 0.999 && m * 10 ** p <= to * 1.001) out.push(m * 10 ** p);
    return out;
  };
  return scale;
}

// A drawing without anything in it; box is the area inside the axes. links: it holds some.
export function frame(options) {
  const { width = 460, height = 180, left = 44, right = 12, top = 10, bottom = 34 } = options;
  const box = { left, right: width - right, top, bottom: height - bottom };
  const root = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: options.links ? "group" : "img", "aria-label": options.label ?? "" });
  return { root, box, width, height };
}

export function xAxis({ root, box }, scale, { title, ticks, format = tick, grid = false } = {}) {
  for (const t of ticks ?? scale.ticks(5)) {
    const x = scale(t);
    if (grid) root.append(svg("line", { class: "grid", x1: x, x2: x, y1: box.top, y2: box.bottom }));
    root.append(svg("line", { class: "axis", x1: x, x2: x, y1: box.bottom, y2: box.bottom + 4 }),
      svg("text", { x, y: box.bottom + 15, "text-anchor": "middle" }, format(t)));
  }
  root.append(svg("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
  if (title) root.append(svg("text", { class: "axis-title", x: (box.left + box.right) / 2, y: box.bottom + 30, "text-anchor": "middle" }, title));
}

export function yAxis({ root, box }, scale, { title, ticks, format = tick, grid = true } = {}) {
  for (const t of ticks ?? scale.ticks(4)) {
    const y = scale(t);
    if (grid) root.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y, y2: y }));
    root.append(svg("text", { x: box.left - 6, y: y + 4, "text-anchor": "end" }, format(t)));
  }
  if (title) root.append(svg("text", { class: "axis-title", x: box.left - 38, y: box.top - 1 }, title));
}

const STEP = 20;

// Draws anew when there is more or less room, so that text keeps its size. draw(width) gives an element.
export function fitted(draw, height) {
  const holder = h("div", { class: "fitted" });
  holder.style.minHeight = `${height}px`; // the place is kept until it is drawn: nothing below moves
  let drawn = 0;
  new ResizeObserver(() => {
    const width = Math.max(260, Math.floor(holder.clientWidth / STEP) * STEP);
    if (width === drawn || !holder.clientWidth) return;
    drawn = width;
    holder.replaceChildren(draw(width));
  }).observe(holder);
  return holder;
}

// A drawing with its title, what it shows in words, and its numbers: columns [name], rows [[value]].
export function figure({ title, tools, drawing, caption, columns, rows, legend }) {
  return h("figure", {},
    title ? h("div", { class: "title" }, h("span", {}, title), tools ?? null) : null,
    legend ? h("ul", { class: "legend" }, legend.map(([name, style]) => h("li", {}, h("i", { class: style, "aria-hidden": "true" }), name))) : null,
    drawing,
    caption ? h("figcaption", {}, caption) : null,
    rows ? dataTable(title ?? columns.join(" and "), columns, rows) : null);
}

// Filled when it is opened: tables of thousands of rows would slow the page down.
function dataTable(title, columns, rows) {
  const MOST = 500;
  const details = h("details", {}, h("summary", {}, "Show the numbers"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `numbers: ${title}` },
      h("table", {},
        h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col", class: "r" }, name)))),
        h("tbody", {}, rows.slice(0, MOST).map((row) => h("tr", {}, row.map((cell) => h("td", { class: "r" }, typeof cell === "number" ? number(cell) : cell)))))),
      rows.length > MOST ? h("p", { class: "small" }, `The first ${MOST} of ${rows.length} rows.`) : null));
  });
  return details;
}

// Sixteen bars of a row of a table.
export function spark(bars) {
  const root = svg("svg", { class: "spark", viewBox: "0 0 66 20", "aria-hidden": "true" });
  bars.forEach((height, i) => {
    const size = height > 0 ? Math.max(1, (height / 255) * 20) : 0;
    if (size) root.append(svg("rect", { x: i * 4.125, y: 20 - size, width: 3.4, height: size }));
  });
  return root;
}

export function meter(value, most = 1) {
  return svg("svg", { class: "meter", viewBox: "0 0 54 6", "aria-hidden": "true" },
    svg("rect", { class: "all", width: 54, height: 6, rx: 3 }),
    svg("rect", { class: "part", width: Math.max(0, Math.min(1, value / most)) * 54, height: 6, rx: 3 }));
}
