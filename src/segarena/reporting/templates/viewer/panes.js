// The panes beside each other, or two on top of each other with a divider; all zoom and move together.
viewer.panes = (root, state, index, onPoint) => {
  const zoom = { scale: 1, x: 0, y: 0 }; // x, y: the pane's left upper corner, as a fraction of the image
  const most = 32;
  let views = [];
  let image = null;
  const titles = ["Image", "Truth", ...index.models.map((model) => model.label)];

  const place = () => {
    const room = 1 - 1 / zoom.scale;
    zoom.x = Math.min(Math.max(zoom.x, 0), room);
    zoom.y = Math.min(Math.max(zoom.y, 0), room);
    for (const { view, canvases } of views) {
      view.classList.toggle("v-zoomed", zoom.scale > 1);
      for (const canvas of canvases) {
        canvas.style.transform = `scale(${zoom.scale}) translate(${-100 * zoom.x}%, ${-100 * zoom.y}%)`;
        canvas.classList.toggle("v-pixels", view.clientWidth * zoom.scale > 2 * canvas.width);
      }
      const top = view.querySelector(".v-top");
      if (top) top.style.clipPath = `inset(0 0 0 ${state.divider}%)`;
      const line = view.querySelector(".v-line");
      if (line) line.style.left = `${state.divider}%`;
    }
    root.dataset.scale = zoom.scale.toFixed(2);
    root.dataset.corner = `${zoom.x.toFixed(4)} ${zoom.y.toFixed(4)}`;
  };
  // Zoom so that the point (u, v), fractions of the pane, keeps its place.
  const zoomAt = (factor, u = 0.5, v = 0.5) => {
    const scale = Math.min(Math.max(zoom.scale * factor, 1), most);
    zoom.x += u / zoom.scale - u / scale;
    zoom.y += v / zoom.scale - v / scale;
    zoom.scale = scale;
    place();
  };
  const move = (dx, dy) => {
    zoom.x += dx / zoom.scale;
    zoom.y += dy / zoom.scale;
    place();
  };
  const fit = () => (Object.assign(zoom, { scale: 1, x: 0, y: 0 }), place());

  const listen = (view) => {
    const points = new Map();
    let spread = 0;
    let divides = false;
    const at = (event) => {
      const box = view.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    const point = ([u, v]) => {
      const x = Math.floor((zoom.x + u / zoom.scale) * image.width);
      const y = Math.floor((zoom.y + v / zoom.scale) * image.height);
      if (x >= 0 && y >= 0 && x < image.width && y < image.height) onPoint(x, y);
    };
    view.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // without them, the page scrolls
      event.preventDefault();
      zoomAt(Math.exp(-event.deltaY / 200), ...at(event));
    }, { passive: false });
    view.addEventListener("dblclick", (event) => zoomAt(event.shiftKey ? 0.5 : 2, ...at(event)));
    view.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      view.setPointerCapture(event.pointerId);
      points.set(event.pointerId, at(event));
      divides = state.isSwipe && (zoom.scale === 1 || Math.abs(at(event)[0] - state.divider / 100) < 0.04);
      if (divides) state.setDivider(100 * at(event)[0]);
    });
    view.addEventListener("pointermove", (event) => {
      const now = at(event);
      point(now);
      const before = points.get(event.pointerId);
      if (!before) return;
      points.set(event.pointerId, now);
      if (points.size === 2) {
        const [[u, v], [s, t]] = [...points.values()];
        const distance = Math.hypot(u - s, v - t);
        if (spread) zoomAt(distance / spread, (u + s) / 2, (v + t) / 2);
        spread = distance;
      } else if (divides) state.setDivider(100 * now[0]);
      else move(before[0] - now[0], before[1] - now[1]);
    });
    const end = (event) => (points.delete(event.pointerId), (spread = 0));
    view.addEventListener("pointerup", end);
    view.addEventListener("pointercancel", end);
  };

  const pane = (layers, caption, wrong) => {
    const figure = document.createElement("figure");
    const view = document.createElement("div");
    view.className = "v-view";
    const canvases = layers.map((layer, order) => {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${titles[layer + 1]} of ${state.name}`);
      canvas.dataset.layer = layer;
      const holder = document.createElement("div");
      holder.className = order ? "v-layer v-top" : "v-layer";
      holder.append(canvas);
      view.append(holder);
      return canvas;
    });
    if (layers.length === 2) view.append(Object.assign(document.createElement("div"), { className: "v-line" }));
    const text = document.createElement("figcaption");
    text.append(Object.assign(document.createElement("strong"), { textContent: caption }), wrong);
    figure.append(view, text);
    listen(view);
    views.push({ view, canvases });
    return figure;
  };
  // Make the panes for another image or arrangement.
  const arrange = (next, remarks) => {
    image = next;
    views = [];
    const { left, right } = state;
    root.classList.toggle("v-single", state.isSwipe);
    root.replaceChildren(
      ...(state.isSwipe
        ? [pane([left, right], `${titles[left + 1]} | ${titles[right + 1]}`, "")]
        : titles.map((title, place) => pane([place - 1], title, remarks[place] ?? ""))),
    );
    const shape = image.width / image.height;
    for (const { view } of views) {
      view.style.aspectRatio = shape;
      if (state.isSwipe) view.style.maxWidth = `${85 * shape}vh`; // the whole of it is seen
    }
    paint();
  };
  const paint = () => {
    if (!image) return;
    for (const { canvases } of views) for (const one of canvases) viewer.draw(one, image, Number(one.dataset.layer), index, state);
    place();
  };
  return { arrange, paint, place, zoomAt, move, fit, titles };
};
