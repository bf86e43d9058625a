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
// The colours: as the system, light or dark; the choice is kept where the browser keeps anything of a file.
{
  const names = { "": "as the system", light: "light", dark: "dark" };
  const signs = { "": "◐", light: "☀", dark: "☾" };
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const apply = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    button.textContent = signs[theme];
    button.title = `Colours: ${names[theme]}`;
    button.setAttribute("aria-label", button.title);
  };
  let theme = "";
  try {
    theme = localStorage.getItem("segarena-theme") ?? "";
  } catch {} // a file may have no storage
  apply(theme in names ? theme : "");
  button.hidden = false;
  button.addEventListener("click", () => {
    const order = Object.keys(names);
    const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
    apply(next);
    try {
      localStorage.setItem("segarena-theme", next);
    } catch {}
  });
}
