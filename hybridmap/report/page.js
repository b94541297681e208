// Tables that sort, and a page that prints whole.
"use strict";
{
  const sortBy = (table, column, head) => {
    const down = head.getAttribute("aria-sort") === "descending", body = table.tBodies[0];
    const value = (row) => {
      const text = (row.cells[column]?.textContent || "").trim(), number = parseFloat(text.replace(/,/g, ""));
      return Number.isNaN(number) || /^[A-Za-z]/.test(text) ? text : number;
    };
    const order = (p, q) => {
      const [a, b] = [value(p), value(q)];
      if (typeof a === "number" && typeof b === "number") return a - b;
      if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
      return a.localeCompare(b);
    };
    const rows = [...body.rows].sort(order);
    body.append(...(down ? rows : rows.reverse()));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
  };
  for (const table of document.querySelectorAll("main table:not(.cell)")) {
    const heads = table.tHead?.rows[0]?.cells;
    if (!heads || !table.tBodies[0] || table.tBodies[0].rows.length < 2) continue;
    [...heads].forEach((head, column) => {
      const button = document.createElement("button");
      button.className = "sort";
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sortBy(table, column, head));
    });
  }
  const closed = [];
  window.addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll("details:not([open])")) { box.open = true; closed.push(box); }
  });
  window.addEventListener("afterprint", () => { for (const box of closed.splice(0)) box.open = false; });
  const open = () => {
    const target = location.hash.length > 1 && !location.hash.includes("?") && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
    if (target) target.scrollIntoView();
  };
  window.addEventListener("hashchange", open);
  open();
  for (const part of document.querySelectorAll(".explorer")) new hybridmap.Explorer(part).start();
}
