// What a pane shows: a photograph with labels or errors over it, at the size of the label maps.
viewer.load = (() => {
  const kept = new Map(); // the last few images, decoded
  const wanted = new Map(); // images in a folder beside the page, by their place
  viewer.receive = (place, content) => wanted.get(place)?.(content);
  const asked = new Map(); // the same image may be asked for twice at a time: for the list and for the panes
  const fetched = (place) => {
    if (!asked.has(place)) {
      const script = document.createElement("script");
      const found = new Promise((resolve, reject) => {
        wanted.set(place, resolve);
        script.onerror = () => reject(new Error(`data/${place}.js cannot be read`));
      });
      asked.set(place, found.finally(() => (script.remove(), asked.delete(place), wanted.delete(place))));
      script.src = `data/${place}.js`;
      document.head.append(script);
    }
    return asked.get(place);
  };
  const content = (place) => {
    const element = document.getElementById(`v-image-${place}`);
    return element ? Promise.resolve(JSON.parse(element.textContent)) : fetched(place);
  };
  viewer.photo = async (place) => `data:image/jpeg;base64,${(await content(place)).photo}`;
  return (place) => {
    if (!kept.has(place)) {
      const decoded = content(place).then(async (found) => {
        const maps = await Promise.all(found.labels.map(viewer.decode));
        const photo = new Image();
        photo.src = `data:image/jpeg;base64,${found.photo}`;
        await photo.decode();
        const [{ width, height }] = maps;
        return { photo, width, height, maps: maps.map((map) => map.labels) };
      });
      kept.set(place, decoded);
      if (kept.size > 6) kept.delete(kept.keys().next().value);
    }
    return kept.get(place);
  };
})();
// Draw one pane. `layer`: -1 the photograph alone, 0 the truth, 1 and up the models.
viewer.draw = (canvas, image, layer, index, state) => {
  const { width, height, maps, photo } = image;
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const isMistake = state.truth !== null || state.predicted !== null;
  const isError = state.errors && layer > 0;
  if (isError) context.filter = "grayscale(1) contrast(0.5) brightness(1.35)";
  context.drawImage(photo, 0, 0, width, height);
  context.filter = "none";
  if (layer < 0 || state.isHidden) return;
  const [labels, truth] = [maps[layer], maps[0]];
  const over = new ImageData(width, height);
  const pixels = new Uint32Array(over.data.buffer); // little-endian: alpha, blue, green, red
  const pack = ([red, green, blue], alpha) => ((Math.round(255 * alpha) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  const strength = isMistake ? 0.25 * state.opacity : state.opacity;
  const colors = new Uint32Array(256);
  index.classes.forEach((one, place) => {
    if (!state.off.has(place)) colors[place] = pack(one.color, strength);
  });
  const wrong = pack(index.wrong, isError ? Math.max(state.opacity, 0.3) : 1);
  const [stripe, pale] = [pack([150, 158, 166], 0.9), pack([255, 255, 255], 0.6)];
  for (let at = 0; at < pixels.length; at++) {
    const [one, target] = [labels[at], truth[at]];
    if (target === 255 && (layer === 0 || isError)) {
      pixels[at] = (Math.floor(at / width) + (at % width)) % 8 < 2 ? stripe : pale;
    } else if (isMistake && target !== 255 && viewer.isMistake(target, maps[1 + state.by][at], state.truth, state.predicted)) {
      pixels[at] = wrong;
    } else if (!isError) pixels[at] = colors[one];
    else if (!isMistake && one !== target && !(state.off.has(one) && state.off.has(target))) pixels[at] = wrong;
  }
  const sheet = new OffscreenCanvas(width, height);
  sheet.getContext("2d").putImageData(over, 0, 0);
  context.drawImage(sheet, 0, 0);
};
