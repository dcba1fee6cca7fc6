const N = JSON.parse(document.getElementById("numbers").textContent), T = N.texts;
const $ = id => document.getElementById(id);
const LDV = "Transportation|Light-Duty Vehicle";
const COLOURS = {"Internal Combustion|Gasoline":"#8d99a6","Internal Combustion|Diesel":"#5f6b76","Internal Combustion|Flex-Fuel":"#b9a15a","Internal Combustion|Gas":"#c9b9a0","Internal Combustion|Full Hybrid":"#e0a63b","Plug-in Hybrid":"#5aa9c4","Battery-Electric":"#0b5c7a","Fuel-Cell-Electric":"#7a4fa3"};
const PALETTE = ["#0b5c7a","#c0532f","#5aa9c4","#e0a63b","#4d7c4f","#8d5a97","#8d99a6","#b4575f","#2f8f83","#6b6fb5","#a3862d","#d58a94","#55636f","#97b552"];
const GROUPS = ["China","North America","EU27","India","Other Europe","Japan","Latin America","ASEAN","Middle East","Korea","Oceania","Africa","Other Asia","Central Asia"];
const TEN = ["BRN","KHM","IDN","LAO","MYS","MMR","PHL","SGP","THA","VNM"];
const name = r => N.names[r] || r;
function fmt(v, digits) {
  if (v === null || v === undefined || !isFinite(v)) return "–";
  const a = Math.abs(v);
  const d = digits !== undefined ? digits : a >= 1000 ? 0 : a >= 100 ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : 3;
  return v.toLocaleString("en", {minimumFractionDigits: d, maximumFractionDigits: d});
}
function el(tag, attributes, ...children) {
  const svg = ["svg","path","line","rect","text","g","circle"].includes(tag);
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  for (const c of children) e.append(c);
  return e;
}
const tip = el("div", {id: "tip"});
document.body.append(tip);
/* Marks from below the least to above the greatest value, zero among them. */
function between(min, max) {
  const step = ticks(Math.max(max - min, 1e-12))[1], out = [];
  for (let k = Math.floor(min / step); k * step < max || k <= 0; k++) out.push(k * step);
  out.push(out[out.length - 1] + (max > out[out.length - 1] ? step : 0));
  return [...new Set(out)].length > 1 ? [...new Set(out)] : [0, step];
}
function ticks(max) {
  if (!(max > 0)) return [0, 1];
  const raw = max / 4, p = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 2.5, 5, 10].map(m => m * p).find(s => s >= raw);
  const out = [];
  for (let v = 0; v <= max + step * 0.999; v += step) out.push(v);
  return out;
}
/* series: [{name, colour, points: [[year, value]...]}]; stacked or lines; `signed` where values may be negative:
   stacks then grow from zero both ways. */
function chart(title, series, stacked, top, signed) {
  const W = 400, H = 220, L = 46, R = 8, B = 22, Tp = 8;
  series = series.map(s => ({...s, points: s.points.filter(p => p[1] !== null)})).filter(s => s.points.some(p => signed ? p[1] !== 0 : p[1] > 0));
  const figure = el("figure", {}, el("figcaption", {}, title));
  if (!series.length) { figure.append(el("p", {class: "note"}, T.absent)); return figure; }
  const years = [...new Set(series.flatMap(s => s.points.map(p => p[0])))].sort((a, b) => a - b);
  const x0 = years[0], x1 = years[years.length - 1];
  const X = y => L + (W - L - R) * (x1 > x0 ? (y - x0) / (x1 - x0) : 0.5);
  const lookup = series.map(s => new Map(s.points));
  let max = 0, min = 0;
  const total = (y, sign) => lookup.reduce((t, m) => t + Math.max(0, sign * (m.get(y) || 0)), 0);
  if (stacked) years.forEach(y => { max = Math.max(max, total(y, 1)); min = Math.min(min, -total(y, -1)); });
  else series.forEach(s => s.points.forEach(p => { max = Math.max(max, p[1]); min = Math.min(min, p[1]); }));
  const marks = top ? [0, 25, 50, 75, 100] : signed ? between(min, max) : ticks(max);
  const ymin = marks[0], ymax = marks[marks.length - 1];
  const Y = v => Tp + (H - B - Tp) * (1 - (v - ymin) / (ymax - ymin));
  const svg = el("svg", {viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title});
  if (x1 > N.base) svg.append(el("rect", {x: X(Math.max(N.base, x0)), y: Tp, width: X(x1) - X(Math.max(N.base, x0)), height: H - B - Tp, fill: "#eef2f5"}));
  marks.forEach(m => { svg.append(el("line", {x1: L, x2: W - R, y1: Y(m), y2: Y(m), stroke: "#dde3e8"}), el("text", {x: L - 5, y: Y(m) + 4, "text-anchor": "end"}, m >= 10000 ? m.toLocaleString("en") : String(+m.toPrecision(4)))); });
  const span = x1 - x0, every = span > 30 ? 10 : span > 12 ? 5 : span > 6 ? 2 : 1;
  years.forEach(y => { if (y % every === 0 || (every > 2 && y === N.base)) { if (every > 2 && y !== N.base && Math.abs(y - N.base) < 3) return; svg.append(el("text", {x: X(y), y: H - 6, "text-anchor": "middle"}, String(y))); } });
  if (stacked) {
    const bases = [1, -1].map(() => new Map(years.map(y => [y, 0])));
    series.forEach((s, i) => [1, -1].forEach((sign, side) => {
      const base = bases[side], value = y => sign * Math.max(0, sign * (lookup[i].get(y) || 0));
      const ys = years.filter(y => lookup.some(m => m.has(y)));
      if (!ys.some(value)) return;
      const up = ys.map(y => [y, base.get(y) + value(y)]);
      const d = up.map((p, k) => `${k ? "L" : "M"}${X(p[0]).toFixed(1)},${Y(p[1]).toFixed(1)}`).join("") + [...ys].reverse().map(y => `L${X(y).toFixed(1)},${Y(base.get(y)).toFixed(1)}`).join("") + "Z";
      svg.append(el("path", {d, fill: s.colour, "fill-opacity": .92}));
      up.forEach(p => base.set(p[0], p[1]));
    }));
  } else {
    series.forEach(s => {
      const draw = (points, dash) => { if (s.points.length === 1 && points.length) svg.append(el("circle", {cx: X(points[0][0]), cy: Y(points[0][1]), r: 4, fill: s.colour})); if (points.length > 1) svg.append(el("path", {d: points.map((p, k) => `${k ? "L" : "M"}${X(p[0]).toFixed(1)},${Y(p[1]).toFixed(1)}`).join(""), fill: "none", stroke: s.colour, "stroke-width": 2, "stroke-dasharray": dash ? "5 3" : "none", "stroke-linejoin": "round"})); };
      draw(s.points.filter(p => p[0] <= N.base), false);
      draw(s.points.filter(p => p[0] >= N.base), true);
    });
  }
  if (ymin < 0) svg.append(el("line", {x1: L, x2: W - R, y1: Y(0), y2: Y(0), stroke: "#1c2733"}));
  const cursor = el("line", {y1: Tp, y2: H - B, stroke: "#1c2733", "stroke-width": 1, visibility: "hidden"});
  svg.append(cursor);
  svg.addEventListener("pointermove", e => {
    const box = svg.getBoundingClientRect(), px = (e.clientX - box.left) / box.width * W;
    const y = years.reduce((a, b) => Math.abs(X(b) - px) < Math.abs(X(a) - px) ? b : a);
    cursor.setAttribute("x1", X(y)); cursor.setAttribute("x2", X(y)); cursor.setAttribute("visibility", "visible");
    tip.replaceChildren(el("b", {}, String(y)));
    series.forEach((s, i) => { const v = lookup[i].get(y); if (v !== undefined) tip.append(el("br", {}), `${s.name}: ${fmt(v)}`); });
    tip.style.display = "block";
    tip.style.left = Math.min(e.pageX + 14, window.scrollX + document.documentElement.clientWidth - tip.offsetWidth - 6) + "px";
    tip.style.top = e.pageY + 14 + "px";
  });
  svg.addEventListener("pointerleave", () => { tip.style.display = "none"; cursor.setAttribute("visibility", "hidden"); });
  const legend = el("div", {class: "legend"});
  series.forEach(s => legend.append(el("span", {}, el("i", {style: `background:${s.colour}`}), s.name)));
  figure.append(svg, legend);
  return figure;
}
/* Charts of targets with the path of each scenario, and a table of how the last year stands. */
function targetCharts() {
  if (!N.targets.length) return;
  const table = el("table", {}), names = Object.keys(N.targets[0].paths);
  table.append(el("tr", {}, el("th", {}, T.target), el("th", {class: "n"}, ""), el("th", {class: "n"}, T.wanted), ...names.map(n => el("th", {class: "n"}, n))));
  N.targets.forEach(t => {
    const end = t.wanted[t.wanted.length - 1], unit = t.unit === "%" ? " %" : " " + t.unit;
    const series = Object.entries(t.paths).map(([n, path], i) => ({name: n, colour: PALETTE[i % PALETTE.length], points: path.map(p => [p[0], p[1]])}));
    $("target-charts").append(chart(`${t.name}: ${name(t.region)}, ${t.variable.replace("Transportation|", "")},${unit}`, [...series, {name: `${T.wanted} (${T[t.direction]})`, colour: "#1c2733", points: t.wanted}], false, false, true));
    if (!end) return;
    table.append(el("tr", {}, el("td", {}, t.name), el("td", {class: "n"}, String(end[0])), el("td", {class: "n"}, `${T[t.direction]} ${fmt(end[1])}`), ...names.map(n => { const p = t.paths[n].find(p => p[0] === end[0]); return el("td", {class: "n " + (p && p[2] === "met" ? "win" : "loss")}, p ? `${fmt(p[1])} ${T[p[2]]}` : "–"); })));
  });
  $("target-table").append(table);
}
