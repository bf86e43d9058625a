"use strict";
// Sort a table by the column whose heading is pressed; rows without a value stay last either way.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  for (const button of table.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const current = heading.getAttribute("aria-sort");
      const direction = current === "descending" ? "ascending" : current ? "descending" : button.dataset.first;
      for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction);
      const value = (row) => row.cells[heading.cellIndex].dataset.value;
      const sign = direction === "ascending" ? 1 : -1;
      const rows = [...body.rows].sort((a, b) => {
        if (value(a) === "" || value(b) === "") return (value(a) === "") - (value(b) === "");
        return sign * (value(a) - value(b));
      });
      body.append(...rows);
    });
  }
}
// Show the class differences of the pair of models that is chosen.
const choice = document.querySelector("#pair");
if (choice) {
  const show = () => document.querySelectorAll(".pair").forEach((table) => (table.hidden = table.id !== choice.value));
  choice.addEventListener("change", show);
  show();
}
// Printing shows what is folded.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => (d.open = true)));
