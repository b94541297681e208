// Mouse, touch, keyboard and menus of the explorer.
"use strict";

hybridmap.bindControls = function (explorer) {
  const { state, view, find } = explorer;
  for (const side of ["a", "b"]) {
    const parts = ["experiment", "map", "depth"].map((name) => find(`${name}-${side}`));
    for (const part of parts) part.addEventListener("change", () => { explorer.isTouched = true; explorer.pick(side, ...parts.map((p) => p.value)); });
  }
  explorer.root.querySelectorAll("[name=mode]").forEach((input) => input.addEventListener("change", () => {
    explorer.isTouched = true;
    state.mode = input.value;
    explorer.refresh();
  }));
  find("swipe").addEventListener("input", (event) => { view.swipe = event.target.value / 100; explorer.isTouched = true; explorer.writeLink(); view.request(); });
  find("sites").addEventListener("change", (event) => { explorer.isTouched = true; state.sites = event.target.value; explorer.refresh(); });
  find("borders").addEventListener("change", (event) => { view.showBorders = event.target.checked; view.request(); });
  find("zoom-in").addEventListener("click", () => { explorer.isTouched = true; view.zoomBy(1.5); });
  find("zoom-out").addEventListener("click", () => { explorer.isTouched = true; view.zoomBy(1 / 1.5); });
  find("fit").addEventListener("click", () => { explorer.isTouched = true; view.fit(); });
  view.onchange = () => { explorer.writeLink(); hybridmap.refine(explorer); };
  new ResizeObserver(() => view.request()).observe(view.canvas);
};

hybridmap.KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

hybridmap.bindCanvas = function (explorer) {
  const { view } = explorer, { canvas } = view, pointers = new Map();
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * view.ratio, (event.clientY - box.top) * view.ratio];
  };
  let moved = 0, drags = false;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    moved = 0;
    drags = view.mode === "swipe" && Math.abs(place(event)[0] - canvas.width * view.swipe) < 14 * view.ratio;
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const [x, y] = place(event), [x0, y0] = pointers.get(event.pointerId), others = [...pointers].filter(([id]) => id !== event.pointerId);
    moved += Math.abs(x - x0) + Math.abs(y - y0);
    explorer.isTouched = true;
    pointers.set(event.pointerId, [x, y]);
    if (drags) {
      view.swipe = Math.min(Math.max(x / canvas.width, 0), 1);
      explorer.find("swipe").value = 100 * view.swipe;
      view.request();
    } else if (others.length) {
      const [ox, oy] = others[0][1];
      view.zoomBy(Math.hypot(x - ox, y - oy) / Math.max(Math.hypot(x0 - ox, y0 - oy), 1), (x + ox) / 2, (y + oy) / 2);
    } else if (moved > 4 * view.ratio) view.moveBy((x0 - x) / view.scale, (y0 - y) / view.scale);
  });
  const lift = (event) => {
    if (pointers.delete(event.pointerId) && event.type === "pointerup" && moved <= 4 * view.ratio && !drags) {
      explorer.isTouched = true;
      explorer.choose(...view.toCell(...place(event)).map(Math.floor));
    }
    explorer.writeLink();
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;  // the page scrolls until the map is chosen
    event.preventDefault();
    explorer.isTouched = true;
    view.zoomBy(Math.exp(-event.deltaY / 400), ...place(event));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => view.zoomBy(2, ...place(event)));
  canvas.addEventListener("keydown", (event) => {
    const [rows, columns] = view.facts.shape, step = hybridmap.KEYS[event.key], many = event.shiftKey ? 10 : 1;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    explorer.isTouched = true;
    if (step) {
      const [column, row] = explorer.state.cell || [Math.floor(columns / 2) - step[0], Math.floor(rows / 2) - step[1]];
      explorer.choose(column + many * step[0], row + many * step[1]);
      hybridmap.follow(view);
    } else if (event.key === "+" || event.key === "=") view.zoomBy(1.5);
    else if (event.key === "-") view.zoomBy(1 / 1.5);
    else if (event.key === "Home" || event.key === "0") view.fit();
    else return;
    event.preventDefault();
  });
};

// Keep the chosen cell in sight.
hybridmap.follow = function (view) {
  const [x, y] = view.toCanvas(...view.cursor), margin = 20 * view.ratio;
  const over = (at, size) => (at < margin ? at - margin : at > size - margin ? at - size + margin : 0);
  const [dx, dy] = [over(x, view.canvas.width), over(y, view.canvas.height)];
  if (dx || dy) view.moveBy(dx / view.scale, dy / view.scale);
};
