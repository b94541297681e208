// Packed numbers of the report: see packed_maps.py, which packs what is unpacked in this file.
"use strict";
const hybridmap = {};

hybridmap.facts = JSON.parse(document.getElementById("explorer-facts").textContent);

// Codes of one text of the page: 0 is a cell without a value.
hybridmap.unpack = (number, bits) => hybridmap.unpackText(document.getElementById("packed-" + number).textContent.trim(), bits);

hybridmap.unpackText = async function (text, bits) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const content = new Uint8Array(await new Response(stream).arrayBuffer());
  if (bits === 8) {
    for (let i = 1; i < content.length; i++) content[i] += content[i - 1];
    return content;
  }
  const half = content.length / 2;
  const codes = new Uint16Array(half);
  let code = 0;
  for (let i = 0; i < half; i++) codes[i] = code = (code + (content[i] << 8) + content[half + i]) & 0xffff;
  return codes;
};

hybridmap.number = function (value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 10 ** Math.max(digits, 6) || size < 1e-4) return value.toExponential(digits - 1);
  return Number(value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 8, useGrouping: size >= 1e4 });
};

// "kg m-3" as it is printed.
hybridmap.unit = (unit) => unit.replace(/(?<=[A-Za-z%])(-?\d)(?![\d.])/g, (n) => n.replace("-", "⁻").replace(/\d/, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]));

// Numbers of columns or cells, read when they are first asked for.
hybridmap.Store = class {
  constructor(facts) {
    this.facts = facts;
    this.codes = new Map();
    this.waiting = new Map();
  }

  async load(k) {
    if (this.codes.has(k)) return this.codes.get(k);
    if (!this.waiting.has(k)) {
      const layer = this.facts.layers[k];
      this.waiting.set(k, hybridmap.unpack(k + 1, layer.bits).then((codes) => (this.codes.set(k, codes), codes)));
    }
    return this.waiting.get(k);
  }

  // Value of a layer that is loaded, in a known cell; NaN where there is none.
  value(k, cell) {
    const codes = this.codes.get(k), layer = this.facts.layers[k];
    const code = codes && cell >= 0 ? codes[cell] : 0;
    return code ? layer.low + (code - 1) * layer.step : NaN;
  }
};
