const points = (variable, region, run) => {
  const s = (N.series[variable] || {})[region];
  return s ? s[1 + run].map((v, k) => [s[0] + k, v]) : [];
};
const LABELS = new Map(T.variables);
const label = variable => LABELS.get(variable) || variable;
function choices(select, list, text, chosen) {
  list.forEach(v => select.append(el("option", v === chosen ? {value: v, selected: ""} : {value: v}, text(v))));
}
const POWERTRAINS = ["Internal Combustion", "Internal Combustion|Full Hybrid", "Plug-in Hybrid", "Battery-Electric", "Fuel-Cell-Electric"];
/* Sales or production by powertrain: combustion without full hybrids, then the rest. */
function byPowertrain(kind, region) {
  const of = f => new Map(points(`${kind}|${LDV}|${f}`, region, 0));
  const maps = POWERTRAINS.map(of);
  return POWERTRAINS.map((f, i) => ({
    name: T.powertrains[f], colour: i ? COLOURS[f] : "#8d99a6",
    points: [...maps[i]].map(([y, v]) => [y, i || v === null ? v : v - (maps[1].get(y) || 0)]),
  }));
}
function outlook() {
  const region = $("outlook-region").value, box = $("outlook-charts");
  const shares = ["JPN", "CHN", "KOR", "ASEAN", "EUR", "USA"].map((o, i) => ({name: T.origins[o], colour: PALETTE[i], points: points(`Sales|${LDV} [Share]|Maker|${o}`, region, 0)}));
  const one = variable => chart(label(variable), [{name: N.runs[0], colour: PALETTE[0], points: points(variable, region, 0)}], false);
  box.replaceChildren(
    chart(T.sales_by, byPowertrain("Sales", region), true),
    chart(T.production_by, byPowertrain("Production", region), true),
    chart(T.origin_shares, shares, false),
    ...T.outlook.map(one));
}
function results() {
  const region = $("result-region").value, box = $("result-charts");
  box.replaceChildren(...T.results.map(variable => chart(label(variable), N.runs.map((run, i) => ({name: run, colour: PALETTE[i], points: points(variable, region, i)})), false)));
  const table = el("table", {}), at = (variable, run, year) => { const p = points(variable, region, run).find(p => p[0] === year); return p ? p[1] : null; };
  table.append(el("tr", {}, el("th", {}, T.what), ...[String(N.base), ...N.runs, T.difference].map(h => el("th", {class: "n"}, h))));
  LABELS.forEach((_, variable) => {
    const [start, base, strategy] = [at(variable, 0, N.base), at(variable, 0, N.horizon), at(variable, 1, N.horizon)];
    if (base === null || strategy === null) return;
    const d = strategy - base;
    table.append(el("tr", {}, el("td", {}, label(variable)), ...[fmt(start), fmt(base), fmt(strategy), (d > 0 ? "+" : "") + fmt(d)].map(c => el("td", {class: "n"}, c))));
  });
  $("result-table").replaceChildren(table);
}
function wedge() {
  const variable = $("wedge-variable").value, region = $("wedge-region").value, cell = (N.split.cells[variable] || {})[region];
  const box = $("wedge-charts"), table = el("table", {});
  box.replaceChildren(); $("wedge-table").replaceChildren();
  if (!cell) { box.append(el("p", {class: "note"}, T.absent)); return; }
  const parts = N.split.groups.map((g, i) => ({name: g, colour: PALETTE[i % PALETTE.length], points: cell.years.map((y, k) => [y, cell.parts[i][k]])}));
  box.append(chart(`${T.parts}: ${label(variable)}, ${name(region)}`, parts, true, false, true), chart(`${label(variable)}, ${name(region)}`, N.runs.map((run, i) => ({name: run, colour: PALETTE[i], points: points(variable, region, i)})), false));
  const last = cell.years.length - 1, unit = v => (v > 0 ? "+" : "") + fmt(v);
  table.append(el("tr", {}, el("th", {}, T.field), el("th", {class: "n"}, `${T.part} ${cell.years[last]}`), el("th", {class: "n"}, T.error)));
  let sum = 0;
  N.split.groups.forEach((g, i) => { sum += cell.parts[i][last]; table.append(el("tr", {}, el("td", {}, g), el("td", {class: "n"}, unit(cell.parts[i][last])), el("td", {class: "n"}, N.split.exact ? "–" : fmt(cell.errors[i][last])))); });
  table.append(el("tr", {class: "total"}, el("td", {}, T.sum), el("td", {class: "n"}, unit(sum)), el("td", {class: "n"}, "")));
  $("wedge-table").append(table);
}
const known = N.regions.filter(r => (N.series[`Sales|${LDV}`] || {})[r]);
[["outlook-region", outlook], ["result-region", results]].forEach(([id, draw]) => { choices($(id), known, name, "ASEAN"); $(id).addEventListener("change", draw); draw(); });
if (N.split) {
  choices($("wedge-variable"), Object.keys(N.split.cells), label, T.wedge);
  choices($("wedge-region"), N.regions, name, "ASEAN");
  ["wedge-variable", "wedge-region"].forEach(id => $(id).addEventListener("change", wedge));
  wedge();
}
