// Which images are listed, in which order, and the text behind each name.
viewer.mean = (values) => {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
};
viewer.percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)}%`);
// The value of an image for one model, or the mean over all where model is null.
viewer.score = (values, model) => (model === null ? viewer.mean(values) : values[model]);
// Pixels of the image that are truly of one class and predicted as another; null stands for any class but the other.
viewer.mistakes = (image, model, truth, predicted, classes) => {
  const cells = image.confusion[model];
  let sum = 0;
  for (let at = 0; at < cells.length; at += 2) {
    const [row, column] = [Math.floor(cells[at] / classes), cells[at] % classes];
    if (viewer.isMistake(row, column, truth, predicted)) sum += cells[at + 1];
  }
  return sum;
};
viewer.isMistake = (row, column, truth, predicted) => {
  if (truth === null) return column === predicted && row !== predicted;
  if (predicted === null) return row === truth && column !== truth;
  return row === truth && column === predicted;
};
// Whether truth or a prediction has a pixel of the class.
viewer.hasClass = (image, index) => image.classIou.some((row) => row[index] !== null);
// The places of the images that pass, in order, each with its value: {place, value, text}.
viewer.list = (index, state) => {
  const isMistake = state.truth !== null || state.predicted !== null;
  const size = index.classes.length;
  const value = {
    worst: (image) => viewer.score(image.miou, state.model),
    best: (image) => viewer.score(image.miou, state.model),
    differ: (image) => image.differ,
    class: (image) => viewer.score(image.classIou.map((row) => row[state.class ?? 0]), state.model),
    mistake: (image) => viewer.mistakes(image, state.by, state.truth, state.predicted, size),
    name: (image) => viewer.score(image.miou, state.model),
  }[state.sort];
  const sign = state.sort === "worst" || state.sort === "class" ? 1 : -1;
  const rows = [];
  index.images.forEach((image, place) => {
    if (state.class !== null && !viewer.hasClass(image, state.class)) return;
    if (state.part && image.part !== state.part) return;
    if (state.group && image.group !== state.group) return;
    if (isMistake && !viewer.mistakes(image, state.by, state.truth, state.predicted, size)) return;
    const found = value(image);
    rows.push({ place, value: found, text: state.sort === "mistake" ? `${found.toLocaleString("en")} px` : viewer.percent(found) });
  });
  if (state.sort === "name") {
    return rows.sort((a, b) => index.images[a.place].name.localeCompare(index.images[b.place].name, "en", { numeric: true }));
  }
  return rows.sort((a, b) => {
    if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
    return sign * (a.value - b.value) || a.place - b.place;
  });
};
