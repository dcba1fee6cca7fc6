const I = N.indicators;
function at(variable, region, year) {
  const row = I[variable] && I[variable][region];
  if (!row) return null;
  const v = row[year - row[0] + 1];
  return v === undefined ? null : v;
}
function line(variable, region, label, colour) {
  const row = I[variable] && I[variable][region];
  return {name: label, colour, points: row ? row.slice(1).map((v, i) => [row[0] + i, v]) : []};
}
const drives = Object.keys(COLOURS);
const short = d => d.replace("Internal Combustion|", "");
function regionCharts(r) {
  const box = $("region-charts");
  box.replaceChildren(
    chart(T.c_sales, [line("Sales|" + LDV, r, T.light, "#0b5c7a"), line("Sales|Transportation|Truck and Bus", r, T.heavy, "#8d99a6")], true),
    chart(T.c_mix, drives.map(d => line(`Sales|${LDV}|${d} [Share]`, r, short(d), COLOURS[d])), true, true),
    chart(T.c_fleet, drives.map(d => line(`Stocks|${LDV}|${d}`, r, short(d), COLOURS[d])), true),
    chart(T.c_co2, [line("Emissions|CO2|Well-to-Wheel|Light-Duty Vehicle", r, T.well, "#c0532f"), line(`Emissions|CO2|Energy|Demand|${LDV}`, r, T.tailpipe, "#0b5c7a")]),
    chart(T.c_energy, [["Liquids|Gasoline", T.gasoline, "#8d99a6"], ["Liquids|Diesel", T.diesel, "#5f6b76"], ["Gases", T.gas, "#c9b9a0"], ["Electricity", T.electricity, "#0b5c7a"], ["Hydrogen", T.hydrogen, "#7a4fa3"]].map(e => line(`Final Energy|${LDV}|${e[0]}`, r, e[1], e[2])), true),
    chart(T.c_origin, ["JPN", "CHN", "KOR", "EUR", "USA", "ASEAN", "IND", "other"].map((o, i) => line(`Sales|${LDV} [Share]|Maker|${o}`, r, o, PALETTE[i])), true, true),
    chart(T.c_price, ["Internal Combustion|Gasoline", "Internal Combustion|Full Hybrid", "Plug-in Hybrid", "Battery-Electric"].map(d => line(`Price|${LDV}|${d}`, r, short(d), COLOURS[d]))),
    chart(T.c_oil, [line(`Oil Displaced|${LDV}`, r, T.c_oil, "#4d7c4f")]),
    chart(T.c_chargers, [line("Infrastructure|Public Chargers", r, T.c_chargers, "#2f8f83")]));
}
function worldCharts() {
  $("world-charts").append(
    chart(T.c_groups, GROUPS.map((g, i) => line("Sales|Transportation|Road Vehicle", g, g, PALETTE[i])), true),
    chart(T.c_plug_groups, ["World", "China", "EU27", "North America", "Japan", "India", "ASEAN"].map((g, i) => line(`Sales|${LDV}|Plug-in Electric [Share]`, g, g, PALETTE[i])), false, true),
    chart(T.c_pack, [line("Price|Transportation|Battery Pack", "World", T.c_pack, "#0b5c7a")]),
    chart(T.c_battery, [line("Battery Demand|Transportation", "World", T.c_battery, "#c0532f")]));
}
const shown = [N.base, 2030, 2035].filter((y, i, a) => y <= N.horizon && a.indexOf(y) === i);
if (!shown.includes(N.horizon)) shown.push(N.horizon);
const MEASURES = [["Sales|Transportation|Road Vehicle", T.sales2023, 2], [`Sales|${LDV}|Plug-in Electric [Share]`, T.plug, 1], [`Sales|${LDV}|Internal Combustion|Full Hybrid [Share]`, T.hybrid, 1], ["Stocks|Transportation|Road Vehicle", T.stock, 1], [`Emissions|CO2|Energy|Demand|${LDV}`, T.co2, 1]];
function headline() {
  const table = el("table", {}), over = el("tr", {}, el("th", {})), head = el("tr", {}, el("th", {}, T.region));
  MEASURES.forEach(m => { over.append(el("th", {colspan: shown.length, class: "over"}, m[1])); shown.forEach(y => head.append(el("th", {class: "n"}, String(y)))); });
  table.append(over, head);
  ["World", ...Object.keys(I["Sales|Transportation|Road Vehicle"] || {}).filter(r => GROUPS.includes(r)).sort((a, b) => GROUPS.indexOf(a) - GROUPS.indexOf(b)), ...TEN].forEach(r => {
    const row = el("tr", {class: r === "World" ? "total" : ""}, el("td", {}, name(r)));
    MEASURES.forEach(m => shown.forEach(y => row.append(el("td", {class: "n"}, fmt(at(m[0], r, y), m[2] === 2 && at(m[0], r, y) < 0.1 ? 3 : m[2])))));
    table.append(row);
  });
  $("headline-table").append(table);
  const end = shown[shown.length - 1];
  [[`${T.sales2023} ${end}`, MEASURES[0][0], 1], [`${T.plug} ${N.base}`, MEASURES[1][0], 1, N.base], [`${T.plug} ${end}`, MEASURES[1][0], 1], [`${T.stock} ${end}`, MEASURES[3][0], 0], [`${T.co2} ${end}`, MEASURES[4][0], 0], [`${T.c_pack} ${end}`, "Price|Transportation|Battery Pack", 0]]
    .forEach(c => $("cards").append(el("div", {class: "card"}, el("b", {}, fmt(at(c[1], "World", c[3] || end), c[2])), el("span", {}, c[0]))));
}
function countryTable() {
  const rows = Object.keys(N.groups).map(r => [name(r) + " (" + r + ")", N.groups[r], ...MEASURES.flatMap(m => shown.map(y => at(m[0], r, y)))]);
  const heads = [T.region, T.group, ...MEASURES.flatMap(m => shown.map(y => `${m[1]} ${y}`))];
  const digits = MEASURES.flatMap(m => shown.map(() => m[2] === 2 ? 3 : m[2]));
  let by = 2, down = true;
  const draw = () => {
    const wanted = $("filter").value.toLowerCase();
    const list = rows.filter(r => (r[0] + r[1]).toLowerCase().includes(wanted));
    list.sort((a, b) => { const [x, y] = [a[by], b[by]]; const c = typeof x === "string" ? x.localeCompare(y) : (x === null ? -Infinity : x) - (y === null ? -Infinity : y); return down ? -c : c; });
    const head = el("tr", {});
    heads.forEach((h, i) => { const th = el("th", {class: "sort" + (i > 1 ? " n" : "") + (i === by ? (down ? " down" : " up") : "")}, h); th.addEventListener("click", () => { if (by === i) down = !down; else { by = i; down = i > 1; } draw(); }); head.append(th); });
    const table = el("table", {}, head);
    list.forEach(r => { const tr = el("tr", {}, el("td", {}, r[0]), el("td", {}, r[1])); r.slice(2).forEach((v, i) => tr.append(el("td", {class: "n"}, fmt(v, digits[i])))); table.append(tr); });
    $("country-table").replaceChildren(table);
  };
  $("filter").addEventListener("input", draw);
  draw();
}
function vehicleCharts() {
  const V = N.vehicles;
  if (!V.rows) { $("vehicle-charts").append(el("p", {class: "note"}, T.absent)); return; }
  const country = $("vehicle-country"), year = $("vehicle-year");
  Object.keys(V.rows).sort((a, b) => name(a).localeCompare(name(b))).forEach(c => country.append(el("option", {value: c}, name(c))));
  country.value = V.rows.THA ? "THA" : country.options[0].value;
  Object.keys(V.rows[country.value]).forEach(y => year.append(el("option", {value: y}, y)));
  const codes = {"ICE-gasoline": "Internal Combustion|Gasoline", "ICE-diesel": "Internal Combustion|Diesel", "flex-fuel": "Internal Combustion|Flex-Fuel", CNG: "Internal Combustion|Gas", HEV: "Internal Combustion|Full Hybrid", PHEV: "Plug-in Hybrid", BEV: "Battery-Electric", FCEV: "Fuel-Cell-Electric"};
  const draw = () => {
    const list = (V.rows[country.value][year.value] || []).map(r => [V.segments[r[0]], V.powertrains[r[1]], ...r.slice(2)]);
    const bars = (title, column, scale) => {
      const figure = el("figure", {}, el("figcaption", {}, title)), max = Math.max(...list.map(r => r[column] * scale)), h = list.length * 13 + 20;
      const svg = el("svg", {viewBox: `0 0 400 ${h}`, role: "img", "aria-label": title});
      let last = "";
      list.forEach((r, i) => {
        const w = 215 * r[column] * scale / max;
        if (r[0] !== last) { svg.append(el("text", {x: 0, y: i * 13 + 11, style: "font-weight:600"}, r[0])); last = r[0]; }
        svg.append(el("text", {x: 52, y: i * 13 + 11}, r[1]), el("rect", {x: 132, y: i * 13 + 3, width: w, height: 9, fill: COLOURS[codes[r[1]]]}), el("text", {x: 136 + w, y: i * 13 + 11}, fmt(r[column] * scale, scale > 1 ? 1 : 0)));
      });
      figure.append(svg);
      return figure;
    };
    $("vehicle-charts").replaceChildren(bars(T.tco, 3, 100), bars(T.lca, 5, 1), bars(T.price, 2, 1));
  };
  country.addEventListener("change", draw); year.addEventListener("change", draw);
  draw();
}
function scoreTable() {
  if (!N.scores) return;
  const select = $("score-region"), regions = [...new Set(N.scores.map(s => s[1]))];
  regions.forEach(r => select.append(el("option", {value: r}, name(r))));
  const methods = ["kyoso", "naive", "drift", "ets", "theta", "bass"], label = {sales: T.v_sales, stock: T.v_stock, plug_in_share: T.v_plug, hybrid_share: T.v_hybrid};
  const draw = () => {
    const index = new Map(N.scores.filter(s => s[1] === select.value).map(s => [[s[0], s[2], s[3], s[4], s[5]].join("|"), s]));
    const head = el("tr", {}, el("th", {}, T.variable), el("th", {}, T.mode), el("th", {class: "n"}, T.lead));
    methods.forEach(m => head.append(el("th", {class: "n"}, `${T.error}: ${m}`)));
    head.append(el("th", {class: "n"}, T.wins), el("th", {class: "n"}, T.n));
    const table = el("table", {}, head);
    ["sales", "stock", "plug_in_share", "hybrid_share"].forEach(v => ["conditional", "ex_ante"].forEach(mode => [1, 3, 5].forEach(lead => {
      const own = index.get([mode, v, lead, "kyoso", "mae"].join("|"));
      if (!own) return;
      const scale = v.endsWith("share") ? 100 : 1e-3;
      const row = el("tr", {}, el("td", {}, label[v]), el("td", {}, T[mode]), el("td", {class: "n"}, String(lead)));
      const errors = methods.map(m => { const s = index.get([mode, v, lead, m, "mae"].join("|")); return s && s[6] !== null ? s[6] * scale : null; });
      const best = Math.min(...errors.filter(e => e !== null));
      errors.forEach(e => row.append(el("td", {class: "n" + (e === best ? " best" : "")}, fmt(e, v.endsWith("share") ? 2 : 1))));
      const wins = index.get([mode, v, lead, "kyoso", "wins"].join("|"));
      row.append(el("td", {class: "n " + (wins[6] >= .5 ? "win" : "loss")}, fmt(100 * wins[6], 0) + " %"), el("td", {class: "n"}, String(own[7])));
      table.append(row);
    })));
    $("score-table").replaceChildren(table);
  };
  select.addEventListener("change", draw);
  draw();
}
function makers() {
  const R = N.record, countries = Object.keys(R).sort((a, b) => name(a).localeCompare(name(b)));
  if (!countries.length) { $("maker-summary").append(el("p", {class: "note"}, T.absent)); return; }
  const apart = r => 100 * (r[4] / r[3] - 1), cell = (v, d) => el("td", {class: "n"}, fmt(v, d));
  const head = list => el("tr", {}, ...list.map((h, i) => el("th", {class: i > 1 && h !== T.source ? "n" : ""}, h)));
  const summary = el("table", {}, head([T.region, T.scope, T.recorded, T.model, T.difference, T.electric + ": " + T.recorded, T.model, T.difference, T.largest]));
  countries.forEach(c => {
    const whole = p => R[c].find(r => r[0] === "all" && r[1] === "all" && r[2] === p);
    const row = el("tr", {}, el("td", {}, name(c)), el("td", {}, R[c][0][5]));
    ["all", "BEV"].forEach(p => { const r = whole(p); row.append(...(r ? [cell(r[3], 0), cell(r[4], 0), cell(apart(r), 2)] : [cell(null), cell(null), cell(null)])); });
    const named = R[c].filter(r => r[0] !== "all" && r[2] === "all" && r[3] >= 1000).map(r => Math.abs(apart(r)));
    row.append(cell(named.length ? Math.max(...named) : null, 2));
    summary.append(row);
  });
  $("maker-summary").append(summary);
  const select = $("maker-country");
  countries.forEach(c => select.append(el("option", {value: c}, name(c))));
  select.value = R.THA ? "THA" : countries[0];
  const draw = () => {
    const table = el("table", {}, head([T.maker, T.origin, T.powertrain, T.recorded, T.model, T.difference, T.source]));
    [...R[select.value]].sort((a, b) => a[2] < b[2] ? 1 : a[2] > b[2] ? -1 : (a[0] === "all") - (b[0] === "all") || b[3] - a[3]).forEach(r => table.append(el("tr", {}, el("td", {}, r[0] === "all" ? T.of_all : r[0]), el("td", {}, r[1] === "all" ? "" : r[1]), el("td", {class: "n"}, r[2]), cell(r[3], 0), cell(r[4], 0), cell(apart(r), 2), el("td", {}, r[6]))));
    $("maker-table").replaceChildren(table);
  };
  select.addEventListener("change", draw);
  draw();
}
function basisBars() {
  const colours = ["#0b5c7a", "#5aa9c4", "#e0a63b", "#c0532f"], legend = el("div", {class: "legend"});
  T.basis.forEach((b, i) => legend.append(el("span", {}, el("i", {style: `background:${colours[i]}`}), b)));
  $("basis").append(legend);
  const share = b => (b.recalled || 0) / Object.values(b).reduce((x, y) => x + y, 0);
  Object.entries(N.basis).sort((a, b) => share(b[1]) - share(a[1])).forEach(([table, counts]) => {
    const total = Object.values(counts).reduce((x, y) => x + y, 0), bar = el("div", {});
    T.basis.forEach((b, i) => { if (counts[b]) bar.append(el("i", {style: `width:${100 * counts[b] / total}%;background:${colours[i]}`, title: `${b}: ${counts[b]}`})); });
    $("basis").append(el("div", {class: "bar"}, el("span", {}, table), bar, el("span", {}, total.toLocaleString("en"))));
  });
}
function outlooks() {
  if (!N.outlooks.length) { $("outlook-table").append(el("p", {class: "note"}, T.absent)); return; }
  const table = el("table", {}, el("tr", {}, ...[T.region, T.variable, "", T.ours, T.range, T.verdict, T.source].map((h, i) => el("th", {class: i > 1 && i < 5 ? "n" : ""}, h))));
  N.outlooks.forEach(([r, v, y, low, high, source]) => {
    const own = at(v, r, y);
    if (own === null) return;
    const verdict = own < low ? T.below : own > high ? T.above : T.inside;
    table.append(el("tr", {}, el("td", {}, name(r)), el("td", {}, v.replace("Transportation|", "").replace("Light-Duty Vehicle|", "")), el("td", {class: "n"}, String(y)), el("td", {class: "n"}, fmt(own, 1)), el("td", {class: "n"}, `${fmt(low, 0)}–${fmt(high, 0)}`), el("td", {class: verdict === T.inside ? "win" : "loss"}, verdict), el("td", {}, source)));
  });
  $("outlook-table").append(table);
}
const choose = $("choose");
["World", ...GROUPS, "ASEAN (11)"].forEach(r => choose.append(el("option", {value: r}, r)));
Object.keys(N.groups).sort((a, b) => name(a).localeCompare(name(b))).forEach(r => choose.append(el("option", {value: r}, name(r))));
choose.value = "World";
choose.addEventListener("change", () => regionCharts(choose.value));
headline(); targetCharts(); regionCharts("World"); worldCharts(); outlooks(); countryTable(); makers(); vehicleCharts(); scoreTable(); basisBars();
