// Maps on a canvas in the grid of the region: colours, zoom, swipe, difference, sites, borders, scale bar.
"use strict";

hybridmap.colour = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// 256 colours between those of a ramp.
hybridmap.lookup = function (ramp) {
  const stops = ramp.map(hybridmap.colour), table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1), k = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) table[3 * i + c] = stops[k][c] + (place - k) * (stops[k + 1][c] - stops[k][c]);
  }
  return table;
};

hybridmap.DIFFERENCE = ["#8c510a", "#bf812d", "#dfc27d", "#f6e8c3", "#f5f5f5", "#c7eae5", "#80cdc1", "#35978f", "#01665e"];
hybridmap.MARKS = ["circle", "square", "triangle", "diamond"];

hybridmap.MapView = class {
  constructor(canvas, facts) {
    this.canvas = canvas;
    this.facts = facts;
    [this.rows, this.columns] = facts.shape;
    this.view = { x: this.columns / 2, y: this.rows / 2, zoom: 1 };
    this.images = [null, null];
    this.details = [null, null];
    this.swipe = 0.5;
    this.mode = "one";
    this.cursor = null;
    this.sites = null;
    this.showBorders = true;
    this.wanted = false;
    this.onchange = () => {};
  }

  // Draw once before the next frame.
  request() {
    if (this.wanted) return;
    this.wanted = true;
    requestAnimationFrame(() => { this.wanted = false; this.draw(); });
  }

  // Pixels of a cell at which the whole region is seen, times the zoom.
  get scale() {
    return Math.min(this.canvas.width / this.columns, this.canvas.height / this.rows) * 0.98 * this.view.zoom;
  }

  toCanvas(x, y) {
    return [(x - this.view.x) * this.scale + this.canvas.width / 2, (y - this.view.y) * this.scale + this.canvas.height / 2];
  }

  toCell(px, py) {
    return [(px - this.canvas.width / 2) / this.scale + this.view.x, (py - this.canvas.height / 2) / this.scale + this.view.y];
  }

  zoomBy(factor, px = this.canvas.width / 2, py = this.canvas.height / 2) {
    const [x, y] = this.toCell(px, py);
    this.view.zoom = Math.min(Math.max(this.view.zoom * factor, 0.8), 200);
    const [x2, y2] = this.toCell(px, py);
    this.moveBy(x - x2, y - y2);
  }

  // In cells.
  moveBy(x, y) {
    this.view.x = Math.min(Math.max(this.view.x + x, 0), this.columns);
    this.view.y = Math.min(Math.max(this.view.y + y, 0), this.rows);
    this.onchange();
    this.request();
  }

  fit() {
    this.view = { x: this.columns / 2, y: this.rows / 2, zoom: 1 };
    this.onchange();
    this.request();
  }

  // Image of a field: values at known cells, `cells` the place of each on the grid.
  paint(slot, values, cells, scale) {
    if (!values) { this.images[slot] = null; return; }
    this.images[slot] = this.picture(values, cells, scale, this.columns, this.rows);
    this.details[slot] = null;
  }

  picture(values, cells, scale, columns, rows) {
    const image = new OffscreenCanvas(columns, rows);
    const context = image.getContext("2d"), pixels = context.createImageData(columns, rows);
    const data = new Uint32Array(pixels.data.buffer), { low, high, table, codes } = scale;
    const packed = new Uint32Array(256);
    for (let i = 0; i < 256; i++) packed[i] = (255 << 24) | (table[3 * i + 2] << 16) | (table[3 * i + 1] << 8) | table[3 * i];
    const factor = 255 / (high - low);
    for (let i = 0; i < cells.length; i++) {
      const value = values(i);
      if (value !== value) continue;
      const place = codes ? codes.get(Math.round(value)) ?? 0 : Math.min(Math.max((value - low) * factor, 0), 255);
      data[cells[i]] = packed[place | 0];
    }
    context.putImageData(pixels, 0, 0);
    return image;
  }

  resize() {
    const ratio = window.devicePixelRatio || 1, box = this.canvas.getBoundingClientRect();
    const width = Math.max(1, Math.round(box.width * ratio)), height = Math.max(1, Math.round(box.height * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.ratio = ratio;
  }

  draw() {
    this.resize();
    const context = this.canvas.getContext("2d"), { width, height } = this.canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#e8ecef";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    const [left, top] = this.toCanvas(0, 0), size = [this.columns * this.scale, this.rows * this.scale];
    if (this.images[0]) context.drawImage(this.images[0], left, top, ...size);
    this.drawDetail(context, 0);
    if (this.mode === "swipe" && this.images[1]) this.drawSwipe(context, left, top, size);
    if (this.showBorders) this.drawBorders(context);
    if (this.sites) this.drawSites(context);
    if (this.cursor) this.drawCursor(context);
    this.drawScaleBar(context);
  }

  // A window at full resolution, where `hybridmap view` serves one.
  drawDetail(context, slot) {
    const detail = this.details[slot], step = this.facts.step;
    if (!detail) return;
    const [x, y] = this.toCanvas(detail.col / step, detail.row / step), pixel = this.scale / step;
    context.clearRect(x, y, detail.image.width * pixel, detail.image.height * pixel);
    context.fillRect(x, y, detail.image.width * pixel, detail.image.height * pixel);
    context.drawImage(detail.image, x, y, detail.image.width * pixel, detail.image.height * pixel);
  }

  drawSwipe(context, left, top, size) {
    const { width, height } = this.canvas, edge = Math.round(width * this.swipe);
    context.save();
    context.beginPath();
    context.rect(edge, 0, width - edge, height);
    context.clip();
    context.fillStyle = "#e8ecef";
    context.fillRect(edge, 0, width - edge, height);
    context.drawImage(this.images[1], left, top, ...size);
    this.drawDetail(context, 1);
    context.restore();
    context.fillStyle = "#fff";
    context.fillRect(edge - 2 * this.ratio, 0, 4 * this.ratio, height);
    context.fillStyle = "#17303a";
    context.fillRect(edge - this.ratio, 0, 2 * this.ratio, height);
    context.font = `bold ${13 * this.ratio}px system-ui, sans-serif`;
    for (const [text, x, align] of [["A", edge - 8 * this.ratio, "right"], ["B", edge + 8 * this.ratio, "left"]]) {
      context.textAlign = align;
      context.lineWidth = 4 * this.ratio;
      context.strokeStyle = "#fff";
      context.strokeText(text, x, 18 * this.ratio);
      context.fillText(text, x, 18 * this.ratio);
    }
  }

  drawBorders(context) {
    const step = this.facts.step;
    context.strokeStyle = "#303438a0";
    context.lineWidth = 0.8 * this.ratio;
    context.beginPath();
    for (const line of this.facts.borders) {
      for (let i = 0; i < line.length; i += 2) {
        const [x, y] = this.toCanvas(line[i] / 10 / step, line[i + 1] / 10 / step);
        if (i) context.lineTo(x, y); else context.moveTo(x, y);
      }
    }
    context.stroke();
  }

  drawSites(context) {
    const { row, col, fold } = this.sites, step = this.facts.step, colours = this.facts.folds;
    const size = Math.max(2, Math.min(5, 1.4 + Math.sqrt(this.view.zoom))) * this.ratio;
    context.lineWidth = 0.7 * this.ratio;
    context.strokeStyle = "#fff";
    for (let i = 0; i < row.length; i++) {
      const [x, y] = this.toCanvas((col[i] + 0.5) / step, (row[i] + 0.5) / step);
      if (x < -size || y < -size || x > this.canvas.width + size || y > this.canvas.height + size) continue;
      const k = fold && fold[i] >= 0 ? fold[i] : -1;
      context.fillStyle = k < 0 ? "#17303a" : colours[k % colours.length];
      hybridmap.mark(context, x, y, size, k < 0 ? "circle" : hybridmap.MARKS[k % hybridmap.MARKS.length]);
    }
  }

  drawCursor(context) {
    const [x, y] = this.toCanvas(this.cursor[0] + 0.5, this.cursor[1] + 0.5), half = Math.max(this.scale / 2, 5 * this.ratio);
    for (const [colour, width] of [["#fff", 5], ["#000", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * this.ratio;
      context.strokeRect(x - half, y - half, 2 * half, 2 * half);
    }
  }

  drawScaleBar(context) {
    const metres = (this.facts.grid.metres * this.facts.step) / this.scale, wanted = metres * 110 * this.ratio;
    const power = 10 ** Math.floor(Math.log10(wanted)), length = [5, 2, 1].find((n) => n * power <= wanted) * power;
    const width = length / metres, x = 12 * this.ratio, y = this.canvas.height - 12 * this.ratio;
    context.fillStyle = "#ffffffd0";
    context.fillRect(x - 6 * this.ratio, y - 22 * this.ratio, width + 12 * this.ratio, 30 * this.ratio);
    context.fillStyle = "#22272b";
    context.fillRect(x, y - 3 * this.ratio, width, 3 * this.ratio);
    context.font = `${12 * this.ratio}px system-ui, sans-serif`;
    context.textAlign = "left";
    context.fillText(length >= 1000 ? `${length / 1000} km` : `${length} m`, x, y - 7 * this.ratio);
  }
};

hybridmap.mark = function (context, x, y, size, shape) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, size, 0, 7);
  else if (shape === "square") context.rect(x - size * 0.85, y - size * 0.85, 1.7 * size, 1.7 * size);
  else {
    const corners = shape === "triangle" ? [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]] : [[0, -1.3], [1.1, 0], [0, 1.3], [-1.1, 0]];
    corners.forEach(([a, b], i) => (i ? context.lineTo(x + a * size, y + b * size) : context.moveTo(x + a * size, y + b * size)));
    context.closePath();
  }
  context.fill();
  context.stroke();
};
