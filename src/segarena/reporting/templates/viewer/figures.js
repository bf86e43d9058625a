// The cell of a confusion matrix under the pointer: [row, column].
viewer.cell = (spot, event, size) => {
  const box = spot.getBoundingClientRect();
  const cell = (value, low, length) => Math.min(Math.max(Math.floor((size * (value - low)) / length), 0), size - 1);
  return [cell(event.clientY, box.top, box.height), cell(event.clientX, box.left, box.width)];
};
for (const spot of document.querySelectorAll("[data-spot=confusion]")) {
  const names = JSON.parse(document.getElementById("v-index")?.textContent ?? "null")?.classes.map((one) => one.name);
  if (!names) continue;
  const mark = document.createElement("div");
  mark.className = "spot-cell";
  spot.append(mark);
  spot.addEventListener("pointermove", (event) => {
    const [row, column] = viewer.cell(spot, event, names.length);
    Object.assign(mark.style, { width: `${100 / names.length}%`, height: `${100 / names.length}%`, left: `${(100 * column) / names.length}%`, top: `${(100 * row) / names.length}%` });
    spot.title = `${names[row]} labelled as ${names[column]}: show the images`;
  });
}
