// Dots, of which there may be a hundred thousand: axes are SVG, dots a canvas over them, and the dot nearest to the
// pointer is found through a grid. The same numbers stand in the table below each drawing.
import { figure, fitted, frame, linear, xAxis, yAxis } from "./chart.js";
import { h, replace, svg } from "./dom.js";

const CELL = 12;
const REACH = 14;
const HEIGHT = 400;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function paint(canvas, width, places, side) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const many = places.length > 20000, some = places.length > 3000;
  const alpha = many ? 0.25 : some ? 0.4 : 0.6, size = many ? 1.3 : some ? 1.9 : 2.8;
  [`rgba(${colour("--act")}, ${alpha})`, `rgba(${colour("--other")}, ${alpha})`].forEach((fill, which) => {
    context.fillStyle = fill;
    for (const place of places)
      if (side(place.i) === which) {
        context.beginPath();
        context.arc(place.px, place.py, size, 0, 2 * Math.PI);
        context.fill();
      }
  });
}

// Which places lie near a point.
function indexed(places) {
  const grid = new Map();
  for (const place of places) {
    const key = `${Math.floor(place.px / CELL)} ${Math.floor(place.py / CELL)}`;
    if (!grid.has(key)) grid.set(key, []);
    grid.get(key).push(place);
  }
  return (px, py) => {
    let best = null, least = REACH * REACH;
    for (let cx = Math.floor((px - REACH) / CELL); cx <= Math.floor((px + REACH) / CELL); cx++)
      for (let cy = Math.floor((py - REACH) / CELL); cy <= Math.floor((py + REACH) / CELL); cy++)
        for (const place of grid.get(`${cx} ${cy}`) ?? []) {
          const distance = (place.px - px) ** 2 + (place.py - py) ** 2;
          if (distance < least) [best, least] = [place, distance];
        }
    return best;
  };
}

// options: {title, caption, xs, ys: arrays, xTitle, yTitle, xRange, yRange, side: i → 0 or 1 (its colour), name: i → text,
//           href: i → address or null, open: address → called on a click, legend}
// The result's setRule(x) moves the upright line and colours the dots anew.
export function scatter(options) {
  const hint = h("p", { class: "small muted hover" }, "\u00A0");
  let at = NaN, redraw = () => {};

  const draw = (width) => {
    const drawing = frame({ width, height: HEIGHT, left: 52, top: 18, label: options.title });
    const { root, box } = drawing;
    const x = linear(...options.xRange, box.left, box.right), y = linear(...options.yRange, box.bottom, box.top);
    yAxis(drawing, y, { title: options.yTitle });
    xAxis(drawing, x, { title: options.xTitle, grid: true });
    const places = [];
    for (let i = 0; i < options.xs.length; i++) {
      const px = x(options.xs[i]), py = y(options.ys[i]);
      if (Number.isFinite(px) && Number.isFinite(py)) places.push({ i, px, py });
    }
    const nearest = indexed(places);
    const rule = svg("line", { class: "rule", y1: box.top, y2: box.bottom });
    const ring = svg("circle", { class: "ring", r: 6, cx: -20, cy: -20 });
    root.append(rule, ring);
    const canvas = h("canvas", { "aria-hidden": "true" });
    const plot = h("div", { class: "plot" }, root, canvas);
    const under = (event) => {
      const bounds = root.getBoundingClientRect();
      return nearest(((event.clientX - bounds.left) / bounds.width) * width, ((event.clientY - bounds.top) / bounds.height) * HEIGHT);
    };
    plot.addEventListener("pointermove", (event) => {
      const place = under(event);
      ring.setAttribute("cx", place?.px ?? -20);
      ring.setAttribute("cy", place?.py ?? -20);
      root.classList.toggle("link", Boolean(place && options.href));
      replace(hint, place ? options.name(place.i) : "\u00A0");
    });
    plot.addEventListener("click", (event) => {
      const place = under(event);
      if (place && options.href) options.open(options.href(place.i));
    });
    redraw = () => {
      const inside = at >= options.xRange[0] && at <= options.xRange[1];
      rule.setAttribute("x1", inside ? x(at) : -20);
      rule.setAttribute("x2", inside ? x(at) : -20);
      paint(canvas, width, places, options.side);
    };
    redraw();
    return plot;
  };

  const onTheme = () => (hint.isConnected ? redraw() : removeEventListener("themechange", onTheme));
  addEventListener("themechange", onTheme);
  const known = Array.from(options.xs, (_, i) => i).filter((i) => Number.isFinite(options.xs[i]) && Number.isFinite(options.ys[i]));
  const view = figure({
    title: options.title,
    drawing: [fitted(draw, HEIGHT), hint],
    caption: options.caption,
    legend: options.legend,
    columns: ["which", options.xTitle, options.yTitle],
    rows: known.map((i) => [options.name(i), options.xs[i], options.ys[i]]),
  });
  return {
    view,
    setRule(value) {
      at = value;
      redraw();
    },
  };
}
