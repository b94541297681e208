// What one cell holds: place, quantities with their intervals, parameters, covariates, other experiments, nearest samples.
"use strict";

hybridmap.NEAREST = 5;

// Longitude and latitude between the nodes of the grid.
hybridmap.place = function (facts, column, row) {
  const { nodes, lon, lat } = facts.degrees, { width, height } = facts.grid, n = nodes - 1;
  const x = Math.min(((column + 0.5) * facts.step * n) / width, n - 1e-9), y = Math.min(((row + 0.5) * facts.step * n) / height, n - 1e-9);
  const i = Math.floor(x), j = Math.floor(y), u = x - i, v = y - j;
  const at = (list) => {
    const corners = [list[j * nodes + i], list[j * nodes + i + 1], list[(j + 1) * nodes + i], list[(j + 1) * nodes + i + 1]];
    if (corners.includes(null)) return NaN;
    return (1 - v) * ((1 - u) * corners[0] + u * corners[1]) + v * ((1 - u) * corners[2] + u * corners[3]);
  };
  const place = [at(lon), at(lat)];
  if (place.some(Number.isNaN)) return "";
  return `${Math.abs(place[1]).toFixed(3)}° ${place[1] < 0 ? "S" : "N"}, ${Math.abs(place[0]).toFixed(3)}° ${place[0] < 0 ? "W" : "E"}`;
};

hybridmap.cellReport = function (explorer, column, row) {
  const { facts, store } = explorer, { grid, step } = facts, cell = explorer.index[row * facts.shape[1] + column];
  const x = grid.west + (column * step + 0.5) * grid.resolution, y = grid.north - (row * step + 0.5) * grid.resolution;
  const where = hybridmap.make("p", { class: "note" }, `Column ${column * step}, row ${row * step}; ${hybridmap.number(x, 9)}, ${hybridmap.number(y, 9)} ${grid.unit}; ${hybridmap.place(facts, column, row)}`);
  const parts = [hybridmap.make("h4", {}, "This cell"), where];
  if (cell < 0) parts.push(hybridmap.make("p", {}, "No value: outside the region, or a layer is missing in this cell."));
  else {
    const compared = explorer.state.mode === "one" || explorer.experiments.a === explorer.experiments.b ? [explorer.experiments.a] : [explorer.experiments.a, explorer.experiments.b];
    for (const experiment of compared) parts.push(...hybridmap.experimentReport(explorer, experiment, cell));
    parts.push(hybridmap.comparison(explorer, cell));
    const layers = facts.layers.filter((layer) => !layer.experiment);
    parts.push(hybridmap.rows("Covariates and forcing", layers.map((layer) => hybridmap.line(store, layer, cell)), false));
  }
  parts.push(hybridmap.nearest(explorer, column * step, row * step));
  return parts.filter(Boolean);
};

hybridmap.line = function (store, layer, cell, ends = null) {
  const value = store.value(layer.k, cell), waits = !store.codes.has(layer.k);
  const meaning = layer.classes.find(([code]) => code === Math.round(value));
  const text = waits ? "…" : meaning ? meaning[1] : hybridmap.number(value);
  const range = ends ? ` (${ends.map((k) => hybridmap.number(store.value(k, cell))).join(" – ")})` : "";
  const name = [layer.label, hybridmap.depthText(layer.depth)].filter(Boolean).join(" ");
  const mark = layer.identified === "no" ? " †" : layer.identified === "not judged" ? " ‡" : "";
  return [name + mark, text + range, layer.unit ? hybridmap.unit(layer.unit) : "", layer.title];
};

hybridmap.rows = function (title, lines, open = true) {
  if (!lines.length) return null;
  const body = lines.map(([name, value, unit, hint]) => {
    const head = hybridmap.make("th", { scope: "row", title: hint }, hybridmap.make("bdi", {}, name));
    return hybridmap.make("tr", {}, head, hybridmap.make("td", {}, value), hybridmap.make("td", { class: "text" }, unit));
  });
  const table = hybridmap.make("table", { class: "cell" }, hybridmap.make("tbody", {}, ...body));
  const box = hybridmap.make("details", {}, hybridmap.make("summary", {}, title), table);
  box.open = open;
  return box;
};

hybridmap.experimentReport = function (explorer, experiment, cell) {
  const { store, facts } = explorer, layers = facts.layers.filter((l) => l.experiment === experiment);
  const title = facts.experiments.find((e) => e.name === experiment).title, parts = [hybridmap.make("h5", {}, hybridmap.make("bdi", {}, title))];
  const end = (layer, role) => layers.find((l) => l.role === role && l.subject === layer.subject && String(l.depth) === String(layer.depth));
  for (const [group, name] of hybridmap.GROUPS) {
    const lines = layers.filter((l) => l.group === group && !(l.role === "lower" || l.role === "upper")).map((layer) => {
      const ends = group === "quantity" ? [end(layer, "lower"), end(layer, "upper")] : [];
      return hybridmap.line(store, layer, cell, ends.length && ends.every(Boolean) ? ends.map((l) => l.k) : null);
    });
    parts.push(hybridmap.rows(name, lines, ["quantity", "trust", "scenario", "parameter"].includes(group)));
    if (group === "parameter" && lines.some(([label]) => /[†‡]$/.test(label))) {
      parts.push(hybridmap.make("p", { class: "note" }, "† not identified: its value means nothing by itself. ‡ not judged."));
    }
  }
  return parts;
};

// The map that is shown, in every experiment that has it.
hybridmap.comparison = function (explorer, cell) {
  const { facts, store, state } = explorer, shown = facts.layers[state.a];
  const layers = facts.layers.filter((l) => l.experiment && l.name === shown.name);
  if (layers.length < 2) return null;
  const lines = layers.map((layer) => {
    if (!store.codes.has(layer.k)) store.load(layer.k);
    const [, value, unit] = hybridmap.line(store, layer, cell);
    return [facts.experiments.find((e) => e.name === layer.experiment).title, value, unit, layer.title];
  });
  return hybridmap.rows(`${shown.label} ${hybridmap.depthText(shown.depth)} in all experiments`, lines);
};

hybridmap.nearest = function (explorer, column, row) {
  const { columns, facts } = explorer, { sites, grid } = facts, order = [];
  for (let i = 0; i < columns.row.length; i++) {
    const distance = Math.hypot(columns.row[i] - row, columns.col[i] - column);
    if (order.length === hybridmap.NEAREST && distance >= order[order.length - 1][0]) continue;
    const place = order.findIndex(([far]) => far > distance);
    order.splice(place < 0 ? order.length : place, 0, [distance, i]);
    if (order.length > hybridmap.NEAREST) order.pop();
  }
  const lines = order.map(([distance, i]) => {
    const km = (distance * grid.metres) / 1000, year = Number.isFinite(columns.year[i]) ? `, ${Math.floor(columns.year[i])}` : "";
    const depth = Number.isFinite(columns.top_cm[i]) ? `, ${hybridmap.number(columns.top_cm[i])}–${hybridmap.number(columns.bottom_cm[i])} cm` : "";
    const away = distance === 0 ? "in this cell" : `${hybridmap.number(km, 2)} km`;
    return [`${away}: ${sites.sources[columns.source[i]]}${year}${depth}`, hybridmap.number(columns.value[i]), hybridmap.unit(sites.unit), ""];
  });
  return hybridmap.rows(`Nearest samples: observed ${sites.label}`, lines);
};
