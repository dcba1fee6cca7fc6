const S = N.scenarios, RUNS = N.runs, others = S.map((_, i) => i).slice(1);
const value = (run, variable, region, year) => {
  const row = RUNS[run][variable] && RUNS[run][variable][region];
  const v = row && row[year - row[0] + 1];
  return v === undefined || v === null ? null : v;
};
const years = Array.from({length: N.horizon - N.base + 1}, (_, i) => N.base + i);
const less = (run, variable, region, year) => {
  const a = value(0, variable, region, year), b = value(run, variable, region, year);
  return a === null || b === null ? null : b - a;
};
const percent = (run, variable, region, year) => {
  const a = value(0, variable, region, year), d = less(run, variable, region, year);
  return d === null || a === 0 ? null : 100 * d / Math.abs(a);
};
const plus = (v, digits) => {
  const text = v === null ? "–" : fmt(v, digits);
  return /[1-9]/.test(text) ? (v > 0 ? "+" : "") + text : text.replace("-", "");
};
const isShare = variable => N.units[variable] === "%";
const label = Object.fromEntries(N.charts);
const shown = N.charts.filter(c => RUNS.some(run => run[c[0]]));
const regions = ["World", ...GROUPS, "ASEAN (11)", ...Object.keys(N.groups).sort((a, b) => name(a).localeCompare(name(b)))];
const options = (select, list, chosen) => { list.forEach(([v, text]) => select.append(el("option", {value: v}, text))); if (chosen !== undefined) select.value = chosen; };
function digits(v) { const a = Math.abs(v); return a >= 100 ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : 3; }
function headline() {
  const select = $("headline-scenario");
  options(select, others.map(i => [i, S[i].name]), 1);
  const measures = shown.slice(0, 6);
  const draw = () => {
    const run = +select.value, table = el("table", {}), over = el("tr", {}, el("th", {})), head = el("tr", {}, el("th", {}, T.region));
    measures.forEach(m => {
      const columns = isShare(m[0]) ? [T.level, T.points] : [T.level, T.difference, "%"];
      over.append(el("th", {colspan: columns.length, class: "over"}, m[1]));
      columns.forEach(c => head.append(el("th", {class: "n"}, c)));
    });
    table.append(over, head);
    ["World", ...GROUPS, ...TEN].forEach(r => {
      const row = el("tr", {class: r === "World" ? "total" : ""}, el("td", {}, name(r)));
      measures.forEach(m => {
        const v = value(run, m[0], r, N.horizon), d = less(run, m[0], r, N.horizon);
        row.append(el("td", {class: "n"}, fmt(v, v === null ? 0 : digits(v))), el("td", {class: "n"}, plus(d, v === null ? 0 : Math.max(1, digits(v)))));
        if (!isShare(m[0])) row.append(el("td", {class: "n"}, plus(percent(run, m[0], r, N.horizon), 1)));
      });
      table.append(row);
    });
    $("headline-table").replaceChildren(table);
  };
  select.addEventListener("change", draw);
  draw();
}
function regionCharts() {
  const region = $("choose"), view = $("view");
  options(region, regions.map(r => [r, name(r)]), "World");
  options(view, [["difference", T.difference], ["percent", T.percent], ["level", T.levels]], "difference");
  const draw = () => {
    const of = {difference: less, percent, level: value}[view.value], runs = view.value === "level" ? [0, ...others] : others;
    $("region-charts").replaceChildren(...shown.map(([variable, title]) => chart(title + (view.value === "percent" ? ", %" : ""), runs.map(i => ({name: S[i].name, colour: PALETTE[(i + PALETTE.length - 1) % PALETTE.length], points: years.map(y => [y, of(i, variable, region.value, y)])})), false, false, true)));
  };
  region.addEventListener("change", draw); view.addEventListener("change", draw);
  draw();
}
/* Bars from the base to the scenario, one a group, with two standard errors. */
function waterfall(title, from, parts, errors, names) {
  const rows = names.length + 2, h = rows * 20 + 10, figure = el("figure", {}, el("figcaption", {}, title)), svg = el("svg", {viewBox: `0 0 400 ${h}`, role: "img", "aria-label": title});
  let at = 0;
  const steps = parts.map(p => { const start = at; at += p; return [start, at]; });
  const low = Math.min(0, ...steps.flat()), high = Math.max(0, ...steps.flat()), X = v => 150 + 180 * (high > low ? (v - low) / (high - low) : 0);
  const bar = (i, text, a, b, colour, error, shownAs) => {
    const y = i * 20 + 6;
    svg.append(el("text", {x: 0, y: y + 11}, text.length > 26 ? text.slice(0, 25) + "…" : text), el("rect", {x: Math.min(X(a), X(b)), y, width: Math.max(1, Math.abs(X(b) - X(a))), height: 14, fill: colour}), el("text", {x: 400, y: y + 11, "text-anchor": "end"}, shownAs));
    if (error > 0) svg.append(el("line", {x1: X(b - 2 * error), x2: X(b + 2 * error), y1: y + 7, y2: y + 7, stroke: "#1c2733"}));
  };
  names.forEach((n, i) => bar(i, n, steps[i][0], steps[i][1], PALETTE[i % PALETTE.length], errors[i], plus(parts[i], digits(parts[i]))));
  bar(names.length, T.whole, 0, at, "#1c2733", 0, plus(at, digits(at)));
  svg.append(el("line", {x1: X(0), x2: X(0), y1: 0, y2: (rows - 1) * 20, stroke: "#8d99a6"}), el("text", {x: 0, y: h - 6}, `${T.from} ${fmt(from)} ${T.to} ${fmt(from + at)}`));
  figure.append(svg);
  return figure;
}
function attribution() {
  const A = N.attribution;
  if (!A.length) return;
  const scenario = $("part-scenario"), variable = $("part-variable"), region = $("part-region");
  options(scenario, A.map((a, i) => [i, S[a.scenario].name]), 0);
  const fill = () => {
    const cells = A[+scenario.value].cells, keep = [variable.value, region.value];
    variable.replaceChildren(); region.replaceChildren();
    options(variable, Object.keys(cells).map(v => [v, label[v] || v]));
    if (cells[keep[0]]) variable.value = keep[0];
    options(region, Object.keys(cells[variable.value] || {}).map(r => [r, name(r)]));
    if ((cells[variable.value] || {})[keep[1]]) region.value = keep[1];
    draw();
  };
  const draw = () => {
    const a = A[+scenario.value], cell = (a.cells[variable.value] || {})[region.value];
    if (!cell) { $("part-charts").replaceChildren(el("p", {class: "note"}, T.absent)); $("part-table").replaceChildren(); return; }
    const end = cell.years.length - 1, title = label[variable.value] || variable.value, last = i => cell.parts[i][end];
    $("part-charts").replaceChildren(
      chart(`${title}: ${T.parts}`, a.groups.map((g, i) => ({name: g, colour: PALETTE[i % PALETTE.length], points: cell.years.map((y, k) => [y, cell.parts[i][k]])})), true, false, true),
      waterfall(`${title}: ${cell.years[end]}`, value(0, variable.value, region.value, cell.years[end]), a.groups.map((_, i) => last(i)), a.groups.map((_, i) => cell.errors[i][end]), a.groups));
    const table = el("table", {}, el("tr", {}, el("th", {}, T.group), el("th", {class: "n"}, `${T.part} ${cell.years[end]}`), el("th", {class: "n"}, "%"), el("th", {class: "n"}, T.error)));
    const whole = a.groups.reduce((t, _, i) => t + last(i), 0);
    a.groups.forEach((g, i) => table.append(el("tr", {}, el("td", {}, g), el("td", {class: "n"}, plus(last(i), digits(last(i)) + 1)), el("td", {class: "n"}, whole === 0 ? "–" : fmt(100 * last(i) / whole, 1)), el("td", {class: "n"}, a.exact ? "0" : fmt(cell.errors[i][end])))));
    table.append(el("tr", {class: "total"}, el("td", {}, T.whole), el("td", {class: "n"}, plus(whole, digits(whole) + 1)), el("td", {class: "n"}, ""), el("td", {class: "n"}, "")));
    $("part-table").replaceChildren(table);
    $("part-note").textContent = `${a.exact ? T.exact : T.sampled} ${a.evaluations} ${T.evaluations}`;
  };
  scenario.addEventListener("change", fill); variable.addEventListener("change", fill); region.addEventListener("change", draw);
  fill();
}
/* Bars to both sides of zero: [label, value]. */
function bars(title, list) {
  const h = list.length * 20 + 8, figure = el("figure", {}, el("figcaption", {}, title)), svg = el("svg", {viewBox: `0 0 400 ${h}`, role: "img", "aria-label": title});
  const low = Math.min(0, ...list.map(r => r[1])), high = Math.max(0, ...list.map(r => r[1])), X = v => 150 + 180 * (high > low ? (v - low) / (high - low) : 0);
  list.forEach(([text, v], i) => svg.append(el("text", {x: 0, y: i * 20 + 15}, text.length > 26 ? text.slice(0, 25) + "…" : text), el("rect", {x: Math.min(X(0), X(v)), y: i * 20 + 4, width: Math.max(1, Math.abs(X(v) - X(0))), height: 14, fill: v < 0 ? "#a8322a" : "#1f7a3f"}), el("text", {x: 400, y: i * 20 + 15, "text-anchor": "end"}, plus(v, digits(v)))));
  svg.append(el("line", {x1: X(0), x2: X(0), y1: 0, y2: h, stroke: "#8d99a6"}));
  figure.append(list.length ? svg : el("p", {class: "note"}, T.absent));
  return figure;
}
function money() {
  const scenario = $("money-scenario"), region = $("money-region"), names = Object.keys(N.money.sums);
  if (!names.length) { $("money-table").append(el("p", {class: "note"}, T.absent)); return; }
  options(scenario, names.map(n => [n, n]));
  options(region, regions.filter(r => N.money.sums[names[0]][r]).map(r => [r, name(r)]));
  const draw = () => {
    const row = N.money.sums[scenario.value][region.value], list = (N.money.accounts[scenario.value] || {})[region.value] || [];
    const table = el("table", {});
    T.money.forEach((text, i) => table.append(el("tr", {class: i === 3 ? "total" : ""}, el("td", {}, text), el("td", {class: "n"}, row[i] === null ? "–" : plus(row[i], digits(row[i]))))));
    $("money-table").replaceChildren(table);
    const of = item => list.filter(r => r[0] === item);
    $("money-charts").replaceChildren(
      bars(T.makers, of("producer profit").map(r => [r[1], r[3]])),
      bars(T.payers, of("public money").slice(0, 15).map(r => [`${name(r[1])}: ${r[2]}`, r[3]])));
  };
  scenario.addEventListener("change", draw); region.addEventListener("change", draw);
  draw();
}
function countryTable() {
  const scenario = $("country-scenario"), variable = $("country-variable");
  options(scenario, others.map(i => [i, S[i].name]), 1);
  options(variable, shown.map(([v, text]) => [v, text]));
  let by = 3, down = true;
  const draw = () => {
    const run = +scenario.value, v = variable.value, wanted = $("filter").value.toLowerCase();
    const list = Object.keys(N.groups).map(r => [`${name(r)} (${r})`, N.groups[r], value(0, v, r, N.horizon), less(run, v, r, N.horizon), percent(run, v, r, N.horizon)]).filter(r => r[2] !== null && (r[0] + r[1]).toLowerCase().includes(wanted));
    list.sort((a, b) => { const [x, y] = [a[by], b[by]]; const c = typeof x === "string" ? x.localeCompare(y) : (x === null ? -Infinity : x) - (y === null ? -Infinity : y); return down ? -c : c; });
    const head = el("tr", {});
    [T.region, T.group, S[0].name, T.difference, T.percent].forEach((h, i) => { const th = el("th", {class: "sort" + (i > 1 ? " n" : "") + (i === by ? (down ? " down" : " up") : "")}, h); th.addEventListener("click", () => { if (by === i) down = !down; else { by = i; down = i > 1; } draw(); }); head.append(th); });
    const table = el("table", {}, head);
    list.forEach(r => table.append(el("tr", {}, el("td", {}, r[0]), el("td", {}, r[1]), el("td", {class: "n"}, fmt(r[2], digits(r[2]) + 1)), el("td", {class: "n"}, plus(r[3], digits(r[2]) + 2)), el("td", {class: "n"}, plus(r[4], 2)))));
    $("country-table").replaceChildren(table);
  };
  [scenario, variable].forEach(e => e.addEventListener("change", draw)); $("filter").addEventListener("input", draw);
  draw();
}
headline(); targetCharts(); regionCharts(); attribution(); money(); countryTable();
