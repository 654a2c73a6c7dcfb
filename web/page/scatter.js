// Dots, of which there may be a hundred thousand: axes are SVG, dots a canvas over them, and the dot nearest to the
// pointer is found through a grid. The same numbers stand in the table below each drawing.
import { figure, frame, linear, xAxis, yAxis } from "./chart.js";
import { h, replace, svg } from "./dom.js";

const CELL = 12;
const REACH = 14;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function paint(canvas, width, height, places, side) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const context = canvas.getContext("2d");
  context.scale(canvas.width / width, canvas.height / height);
  const alpha = places.length > 20000 ? 0.2 : places.length > 3000 ? 0.35 : 0.6;
  const size = places.length > 20000 ? 1.2 : places.length > 3000 ? 1.8 : 2.8;
  const colours = [`rgba(${colour("--act")}, ${alpha})`, `rgba(${colour("--other")}, ${alpha})`];
  for (const which of [0, 1]) {
    context.fillStyle = colours[which];
    context.beginPath();
    for (const place of places)
      if (side(place.i) === which) {
        context.moveTo(place.px + size, place.py);
        context.arc(place.px, place.py, size, 0, 2 * Math.PI);
      }
    context.fill();
  }
}

// options: {title, caption, xs, ys: arrays, xTitle, yTitle, xRange, yRange, side: i → 0 or 1 (its colour), rules: [x],
//           name: i → text, href: i → address, open: address → called on a click}
export function scatter(options) {
  const drawing = frame({ width: 720, height: 420, left: 52, label: options.title, ...options });
  const { root, box, width, height } = drawing;
  const x = linear(...options.xRange, box.left, box.right), y = linear(...options.yRange, box.bottom, box.top);
  yAxis(drawing, y, { title: options.yTitle });
  xAxis(drawing, x, { title: options.xTitle, grid: true });
  const places = [];
  const grid = new Map();
  for (let i = 0; i < options.xs.length; i++) {
    const px = x(options.xs[i]), py = y(options.ys[i]);
    if (!Number.isFinite(px) || !Number.isFinite(py)) continue;
    const place = { i, px, py };
    places.push(place);
    const key = `${Math.floor(px / CELL)} ${Math.floor(py / CELL)}`;
    if (!grid.has(key)) grid.set(key, []);
    grid.get(key).push(place);
  }
  const rule = svg("line", { class: "rule", y1: box.top, y2: box.bottom });
  const ring = svg("circle", { class: "ring", r: 6, cx: -20, cy: -20 });
  root.append(rule, ring);
  const canvas = h("canvas", { "aria-hidden": "true" });
  const hint = h("p", { class: "small muted", role: "status" }, "\u00A0");
  const plot = h("div", { class: "plot" }, root, canvas);

  const nearest = (event) => {
    const bounds = root.getBoundingClientRect();
    const px = ((event.clientX - bounds.left) / bounds.width) * width, py = ((event.clientY - bounds.top) / bounds.height) * height;
    let best = null, least = REACH * REACH;
    for (let cx = Math.floor((px - REACH) / CELL); cx <= Math.floor((px + REACH) / CELL); cx++)
      for (let cy = Math.floor((py - REACH) / CELL); cy <= Math.floor((py + REACH) / CELL); cy++)
        for (const place of grid.get(`${cx} ${cy}`) ?? []) {
          const distance = (place.px - px) ** 2 + (place.py - py) ** 2;
          if (distance < least) [best, least] = [place, distance];
        }
    return best;
  };
  plot.addEventListener("pointermove", (event) => {
    const place = nearest(event);
    ring.setAttribute("cx", place?.px ?? -20);
    ring.setAttribute("cy", place?.py ?? -20);
    root.classList.toggle("link", Boolean(place && options.href));
    replace(hint, place ? options.name(place.i) : "\u00A0");
  });
  plot.addEventListener("click", (event) => {
    const place = nearest(event);
    if (place && options.href) options.open(options.href(place.i));
  });

  const redraw = () => canvas.isConnected && paint(canvas, width, height, places, options.side);
  new ResizeObserver(redraw).observe(plot);
  const onTheme = () => (canvas.isConnected ? redraw() : removeEventListener("themechange", onTheme));
  addEventListener("themechange", onTheme);
  const view = figure({
    title: options.title,
    drawing: [plot, hint],
    caption: options.caption,
    legend: options.legend,
    columns: ["", options.xTitle, options.yTitle],
    rows: places.map(({ i }) => [options.name(i), options.xs[i], options.ys[i]]),
  });
  // moves the line and colours the dots anew
  const setRule = (at) => {
    const inside = at >= options.xRange[0] && at <= options.xRange[1];
    rule.setAttribute("x1", inside ? x(at) : -20);
    rule.setAttribute("x2", inside ? x(at) : -20);
    redraw();
  };
  return { view, setRule };
}
