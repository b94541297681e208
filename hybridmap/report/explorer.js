// Controls of the explorer: which maps, how they are compared, what a cell holds, and the link that keeps all of it.
"use strict";

// An element; text is never read as HTML.
hybridmap.make = function (tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

hybridmap.GROUPS = [
  ["quantity", "Carbon and other quantities"], ["interval", "Intervals"], ["trust", "How far to trust it"],
  ["scenario", "Changes under scenarios"], ["parameter", "Parameters"], ["diagnostic", "Diagnostics"],
  ["other", "Other maps"], ["covariate", "Covariates"], ["forcing", "Forcing"],
];

hybridmap.depthText = (depth) => (depth ? `${depth[0]}–${depth[1]} cm` : "");

hybridmap.Explorer = class {
  constructor(root) {
    this.root = root;
    this.facts = hybridmap.facts;
    this.facts.layers.forEach((layer, k) => (layer.k = k));
    this.store = new hybridmap.Store(this.facts);
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.view = new hybridmap.MapView(this.find("canvas"), this.facts);
    this.state = { a: this.facts.first, b: 0, mode: "one", sites: "", cell: null };
    this.painted = [];
  }

  async start() {
    const { shape, known } = this.facts;
    const codes = await hybridmap.unpack(0, known.bits);
    this.cells = new Uint32Array(this.facts.layers.length ? shape[0] * shape[1] : 0);
    this.index = new Int32Array(shape[0] * shape[1]).fill(-1);
    let count = 0;
    for (let i = 0; i < codes.length; i++) {
      if (known.low + (codes[i] - 1) * known.step === 1) { this.index[i] = count; this.cells[count++] = i; }
    }
    this.cells = this.cells.subarray(0, count);
    this.columns = await this.readSites();
    this.state.b = this.other(this.state.a);
    this.readLink();
    this.bind();
    await this.refresh();
    this.root.dataset.ready = "yes";
    this.preload();
  }

  async readSites() {
    const { columns } = this.facts.sites, read = {};
    for (const [name, column] of Object.entries(columns)) {
      const codes = await hybridmap.unpack(this.facts.first_of_sites + column.text, column.bits);
      read[name] = Float64Array.from(codes, (code) => (code ? column.low + (code - 1) * column.step : NaN));
    }
    return read;
  }

  // The same map of the next experiment, or the next map of the same one.
  other(k) {
    const { layers } = this.facts, { name, experiment } = layers[k];
    const same = layers.findIndex((layer) => layer.name === name && layer.experiment !== experiment);
    return same >= 0 ? same : Math.min(k + 1, layers.length - 1);
  }

  // -- which maps ---------------------------------------------------------------------------------------------------

  layersOf(experiment) {
    return this.facts.layers.filter((l) => l.experiment === experiment || !l.experiment);
  }

  pick(side, experiment, variable, depth) {
    const fits = this.layersOf(experiment).filter((layer) => layer.variable === variable);
    const chosen = fits.find((layer) => String(layer.depth) === String(depth)) || fits[0] || this.layersOf(experiment)[0];
    this.experiments[side] = experiment;
    this.state[side] = chosen.k;
    this.refresh();
  }

  fillSide(side) {
    const layer = this.facts.layers[this.state[side]], experiment = layer.experiment || this.experiments[side];
    this.experiments[side] = experiment;
    const [where, what, deep] = ["experiment", "map", "depth"].map((name) => this.find(`${name}-${side}`));
    where.replaceChildren(...this.facts.experiments.map((e) => hybridmap.make("option", { value: e.name, dir: "auto" }, e.title)));
    where.value = experiment;
    const layers = this.layersOf(experiment), groups = [];
    for (const [group, title] of hybridmap.GROUPS) {
      const variables = new Map(layers.filter((l) => l.group === group).map((l) => [l.variable, l]));
      const options = [...variables.values()].map((l) => hybridmap.make("option", { value: l.variable, dir: "auto" }, this.optionText(l)));
      if (options.length) groups.push(hybridmap.make("optgroup", { label: title }, ...options));
    }
    what.replaceChildren(...groups);
    what.value = layer.variable;
    const depths = layers.filter((l) => l.variable === layer.variable && l.depth);
    deep.replaceChildren(...depths.map((l) => hybridmap.make("option", { value: String(l.depth) }, hybridmap.depthText(l.depth))));
    deep.value = String(layer.depth);
    deep.closest("label").hidden = depths.length < 2;
  }

  optionText(layer) {
    const judged = { no: " (not identified)", "not judged": " (not judged)" }[layer.identified] || "";
    return layer.label + (layer.unit ? ` [${hybridmap.unit(layer.unit)}]` : "") + judged;
  }

  // -- drawing ------------------------------------------------------------------------------------------------------

  async refresh() {
    const { state, view } = this;
    for (const side of ["a", "b"]) this.fillSide(side);
    this.find("side-b").hidden = state.mode === "one";
    this.find("swipe").closest("label").hidden = state.mode !== "swipe";
    this.root.querySelectorAll("[name=mode]").forEach((input) => (input.checked = input.value === state.mode));
    this.find("sites").value = state.sites;
    await Promise.all([this.store.load(state.a), state.mode === "one" ? null : this.store.load(state.b)]);
    view.mode = state.mode;
    if (state.mode === "difference") this.paintDifference();
    else {
      this.paintLayer(0, state.a);
      if (state.mode === "swipe") this.paintLayer(1, state.b);
    }
    this.describe();
    this.placeSites();
    this.readCell();
    this.writeLink();
    view.request();
    this.preload();
    hybridmap.refine(this);
  }

  scaleOf(layer) {
    if (!layer.classes.length) return { low: layer.limits[0], high: layer.limits[1], table: hybridmap.lookup(this.facts.ramps[layer.colours]) };
    const table = new Uint8ClampedArray(256 * 3), codes = new Map(layer.classes.map(([code], i) => [code, i]));
    layer.class_colours.forEach((hex, i) => table.set(hybridmap.colour(hex), 3 * i));
    return { low: 0, high: 1, table, codes };
  }

  paintLayer(slot, k) {
    this.view.paint(slot, (i) => this.store.value(k, i), this.cells, this.scaleOf(this.facts.layers[k]));
  }

  paintDifference() {
    const { a, b } = this.state, [one, two] = [a, b].map((k) => this.facts.layers[k]);
    this.isComparable = one.unit === two.unit && !one.classes.length && !two.classes.length;
    if (!this.isComparable) { this.paintLayer(0, a); return; }
    const value = (i) => this.store.value(b, i) - this.store.value(a, i), sizes = [];
    for (let i = 0; i < this.cells.length; i += Math.ceil(this.cells.length / 20000)) {
      const size = Math.abs(value(i));
      if (size === size) sizes.push(size);
    }
    const far = sizes.sort((p, q) => p - q)[Math.floor(sizes.length * 0.98)] || 1;
    this.difference = { low: -far, high: far, table: hybridmap.lookup(hybridmap.DIFFERENCE) };
    this.view.paint(0, value, this.cells, this.difference);
  }

  placeSites() {
    const scheme = this.state.sites, { columns } = this;
    this.view.sites = scheme ? { row: columns.row, col: columns.col, fold: columns[`fold ${scheme}`] } : null;
  }

  // -- legends ------------------------------------------------------------------------------------------------------

  describe() {
    const { state } = this, [a, b] = [state.a, state.b].map((k) => this.facts.layers[k]);
    const legends = state.mode === "difference" && this.isComparable ? [this.differenceLegend(a, b)] : [this.legend(a, state.mode === "one" ? "" : "A")];
    if (state.mode === "swipe") legends.push(this.legend(b, "B"));
    if (state.mode === "difference" && !this.isComparable) {
      legends.unshift(hybridmap.make("p", { class: "warning" }, `No difference: ${a.label} and ${b.label} are not in the same unit, so A is shown alone.`));
    }
    this.find("legends").replaceChildren(...legends);
    this.view.canvas.setAttribute("aria-label", `Map of ${this.fullName(a)}${state.mode === "one" ? "" : `, ${state.mode} with ${this.fullName(b)}`}. Arrow keys move the cell, plus and minus zoom, Home shows all.`);
  }

  fullName(layer) {
    const experiment = this.facts.experiments.find((e) => e.name === layer.experiment);
    return [layer.label, hybridmap.depthText(layer.depth), experiment ? `(${experiment.title})` : ""].filter(Boolean).join(" ");
  }

  legend(layer, side) {
    const head = hybridmap.make("p", { class: "legend-title" }, side ? hybridmap.make("b", {}, `${side}  `) : "", hybridmap.make("bdi", {}, this.fullName(layer)));
    const box = hybridmap.make("div", { class: "legend" }, head);
    if (layer.classes.length) {
      layer.classes.forEach(([, text], i) => box.append(hybridmap.make("span", { class: "swatch" }, hybridmap.make("i", { style: `background:${layer.class_colours[i]}` }), text)));
    } else box.append(...this.bar(this.facts.ramps[layer.colours], layer.limits, layer.unit));
    box.append(hybridmap.make("p", { class: "note" }, layer.title[0].toUpperCase() + layer.title.slice(1) + ". ", ...this.remarks(layer)));
    return box;
  }

  remarks(layer) {
    const parts = [];
    if (layer.identified === "no") parts.push("Not identified: observations do not fix its values, so read no meaning into the pattern. ");
    if (layer.identified === "not judged") parts.push("Whether its values mean something was not judged. ");
    if (this.facts.step > 1) parts.push(`Overview: one cell of ${this.facts.step} × ${this.facts.step}; all of them are in the GeoTIFF. `);
    if (layer.file) parts.push(hybridmap.make("a", { href: layer.file }, "GeoTIFF"));
    return parts;
  }

  differenceLegend(a, b) {
    const { low, high } = this.difference;
    const title = hybridmap.make("p", { class: "legend-title" }, "B − A: ", hybridmap.make("bdi", {}, this.fullName(b)), " less ", hybridmap.make("bdi", {}, this.fullName(a)));
    return hybridmap.make("div", { class: "legend" }, title, ...this.bar(hybridmap.DIFFERENCE, [low, high], a.unit), hybridmap.make("p", { class: "note" }, "Green: B is higher. Brown: A is higher."));
  }

  bar(ramp, [low, high], unit) {
    const ticks = hybridmap.ticks(low, high), place = (value) => `left:${(100 * (value - low)) / (high - low)}%`;
    const marks = ticks.map((value) => hybridmap.make("span", { style: place(value) }, hybridmap.number(value)));
    return [
      hybridmap.make("div", { class: "bar", role: "img", "aria-label": `Colours from ${hybridmap.number(low)} to ${hybridmap.number(high)} ${unit}`, style: `background:linear-gradient(90deg,${ramp.join(",")})` }),
      hybridmap.make("div", { class: "ticks", "aria-hidden": "true" }, ...marks),
      hybridmap.make("p", { class: "unit" }, unit ? hybridmap.unit(unit) : "no unit"),
    ];
  }

  // -- one cell -----------------------------------------------------------------------------------------------------

  choose(column, row) {
    const [rows, columns] = this.facts.shape;
    this.state.cell = [Math.min(Math.max(column, 0), columns - 1), Math.min(Math.max(row, 0), rows - 1)];
    this.view.cursor = this.state.cell;
    this.readCell();
    this.writeLink();
    this.view.request();
  }

  readCell() {
    this.view.cursor = this.state.cell;
    if (this.state.cell) this.find("cell").replaceChildren(...hybridmap.cellReport(this, ...this.state.cell));
  }

  // Read the layers of both experiments when nothing else is to do, so that a click finds them.
  preload() {
    const shown = new Set([this.experiments.a, this.experiments.b, ""]), { layers } = this.facts;
    const main = layers[0].variable;
    const wanted = layers.map((layer, k) => [layer, k]).filter(([l, k]) => !this.store.codes.has(k) && (shown.has(l.experiment) || l.variable === main));
    if (!wanted.length) {
      if (this.root.dataset.loaded !== "yes") { this.root.dataset.loaded = "yes"; this.readCell(); }
      return;
    }
    this.root.dataset.loaded = "no";
    if (this.isWaiting) return;
    this.isWaiting = true;
    const idle = window.requestIdleCallback || ((run) => setTimeout(run, 20));
    idle(async () => {
      for (const [, k] of wanted.slice(0, 4)) await this.store.load(k);
      this.isWaiting = false;
      this.preload();
    });
  }

  // -- the link -----------------------------------------------------------------------------------------------------

  key(k) {
    const layer = this.facts.layers[k];
    return `${layer.experiment}/${layer.name}`;
  }

  writeLink() {
    const { state, view } = this, link = new URLSearchParams({ a: this.key(state.a), mode: state.mode });
    if (state.mode !== "one") link.set("b", this.key(state.b));
    if (state.mode === "swipe") link.set("swipe", view.swipe.toFixed(3));
    if (state.sites) link.set("sites", state.sites);
    if (state.cell) link.set("cell", state.cell.join(","));
    link.set("view", [view.view.x, view.view.y, view.view.zoom].map((v) => +v.toFixed(2)).join(","));
    if (this.isTouched) history.replaceState(null, "", `#explorer?${link}`);
  }

  readLink() {
    const { experiment } = this.facts.layers[this.facts.first];
    this.experiments = { a: experiment, b: experiment };
    if (!location.hash.startsWith("#explorer?")) return;
    const link = new URLSearchParams(location.hash.slice("#explorer?".length)), { state, view } = this;
    for (const side of ["a", "b"]) {
      const k = this.facts.layers.findIndex((_, i) => this.key(i) === link.get(side));
      if (k >= 0) state[side] = k;
    }
    if (["one", "swipe", "difference"].includes(link.get("mode"))) state.mode = link.get("mode");
    if (this.facts.sites.schemes.includes(link.get("sites"))) state.sites = link.get("sites");
    const numbers = (name) => (link.get(name) || "").split(",").map(Number);
    const [column, row] = numbers("cell"), [x, y, zoom] = numbers("view");
    if (link.get("cell") && Number.isInteger(column) && Number.isInteger(row)) state.cell = [column, row];
    if (zoom > 0 && Number.isFinite(x) && Number.isFinite(y)) view.view = { x, y, zoom };
    if (link.get("swipe")) view.swipe = Math.min(Math.max(Number(link.get("swipe")) || 0.5, 0), 1);
    this.find("swipe").value = 100 * view.swipe;
    this.isTouched = true;
    this.root.scrollIntoView();
  }

  bind() {
    hybridmap.bindControls(this);
    hybridmap.bindCanvas(this);
  }
};

// Round numbers between two ends.
hybridmap.ticks = function (low, high, wanted = 5) {
  const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((n) => n * power >= rough) * power, ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) ticks.push(+(k * step).toPrecision(12));
  return ticks;
};
