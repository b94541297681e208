// Windows at full resolution, where the page is an overview and `hybridmap view` serves it.
"use strict";

hybridmap.MOST_CELLS = 3e6;
hybridmap.isServed = () => location.protocol === "http:" && hybridmap.facts.step > 1;

// Ask for what is in sight, once the view rests.
hybridmap.refine = function (explorer) {
  clearTimeout(explorer.refining);
  if (hybridmap.isServed()) explorer.refining = setTimeout(() => hybridmap.refineNow(explorer), 250);
};

hybridmap.refineNow = async function (explorer) {
  const { view, state, facts } = explorer, { grid, step } = facts;
  const [left, top] = view.toCell(0, 0), [right, bottom] = view.toCell(view.canvas.width, view.canvas.height);
  const col = Math.max(0, Math.floor(left * step)), row = Math.max(0, Math.floor(top * step));
  const width = Math.min(grid.width, Math.ceil(right * step)) - col, height = Math.min(grid.height, Math.ceil(bottom * step)) - row;
  if (state.mode === "difference" || width <= 0 || height <= 0 || width * height > hybridmap.MOST_CELLS) return;
  const link = new URLSearchParams({ col, row, width, height }), asked = (explorer.asked = (explorer.asked || 0) + 1);
  for (const [slot, k] of state.mode === "swipe" ? [[0, state.a], [1, state.b]] : [[0, state.a]]) {
    const layer = facts.layers[k];
    if (!layer.file) continue;
    const answer = await fetch(`/window/${encodeURIComponent(layer.experiment)}/${encodeURIComponent(layer.name)}?${link}`);
    if (!answer.ok) continue;
    const window = await answer.json(), codes = await hybridmap.unpackText(window.text, window.bits);
    if (asked !== explorer.asked) return;
    const cells = Uint32Array.from(codes, (_, i) => i), value = (i) => (codes[i] ? window.low + (codes[i] - 1) * window.step : NaN);
    const image = view.picture(value, cells, explorer.scaleOf(layer), window.shape[1], window.shape[0]);
    view.details[slot] = { col, row, image };
    explorer.root.dataset.refined = String(asked);
    view.request();
  }
};
