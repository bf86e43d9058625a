// The controls of the viewer: what is listed, what is shown, the keyboard, and presses on the figures.
(() => {
  const section = document.getElementById("images");
  const source = document.getElementById("v-index");
  if (!source) return;
  const $ = (name) => document.getElementById(`v-${name}`);
  if (!("DecompressionStream" in window && "OffscreenCanvas" in window)) {
    $("filter").textContent = "This browser is too old to show the images: use one of 2023 or later.";
    return;
  }
  const index = JSON.parse(source.textContent);
  const state = {
    sort: "worst", model: null, class: null, part: "", group: "", truth: null, predicted: null, by: 0,
    errors: false, isHidden: false, opacity: 0.65, off: new Set(), isSwipe: false, left: 0, right: 1, divider: 50,
    place: null, name: "",
    setDivider: (value) => ((state.divider = Math.min(Math.max(value, 0), 100)), ($("divider").value = state.divider), panes.place()),
  };
  const number = (text) => (text === "" ? null : Number(text));
  const option = (value, text) => new Option(text, value);
  const hasMistake = () => state.truth !== null || state.predicted !== null; // one is chosen, and marked
  let rows = [];
  let image = null;

  // The choices that depend on the data.
  const classes = index.classes.map((one, place) => option(place, one.name));
  for (const name of ["class", "true", "predicted"]) $(name).append(...classes.map((one) => one.cloneNode(true)));
  const models = () => index.models.map((one, place) => option(place, one.label));
  if (index.models.length > 1) $("model").append(option("", "all models, mean"));
  $("model").append(...models());
  $("by").append(...models());
  const titles = ["Image", "Truth", ...index.models.map((one) => one.label)];
  for (const name of ["left", "right"]) $(name).append(...titles.map((title, place) => option(place - 1, title)));
  [$("left").value, $("right").value] = [state.left, state.right];
  for (const name of ["part", "group"]) {
    const found = [...new Set(index.images.map((one) => one[name]).filter(Boolean))];
    found.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    $(name).append(...found.map((one) => option(one, one)));
    $(name).closest("label").hidden = found.length < 2;
  }
  $("model").closest("label").hidden = index.models.length < 2;
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      viewer.photo(Number(target.dataset.place)).then((address) => (target.querySelector("img").src = address), () => {});
    }
  });

  // The pixel under the pointer, in words.
  const point = (x, y) => {
    const name = (layer) => {
      const label = image.maps[layer][y * image.width + x];
      return label === 255 ? "void" : index.classes[label]?.name ?? `label ${label}`;
    };
    $("pixel").textContent = [`Pixel ${x}, ${y}. Truth: ${name(0)}`, ...index.models.map((one, place) => `${one.label}: ${name(place + 1)}`)].join(" · ");
  };
  const panes = viewer.panes($("panes"), state, index, point);

  const show = async (place) => {
    state.place = place;
    const facts = index.images[place];
    state.name = facts.name;
    $("name").textContent = facts.name;
    for (const button of $("list").querySelectorAll("button")) {
      const isShown = Number(button.dataset.place) === place;
      button.toggleAttribute("aria-current", isShown);
      if (isShown) {
        button.setAttribute("aria-current", "true");
        const [list, item] = [$("list"), button.parentElement];
        if (item.offsetTop < list.scrollTop || item.offsetTop + item.offsetHeight > list.scrollTop + list.clientHeight) {
          list.scrollTop = item.offsetTop - list.clientHeight / 2;
        }
        if (item.offsetLeft < list.scrollLeft || item.offsetLeft + item.offsetWidth > list.scrollLeft + list.clientWidth) {
          list.scrollLeft = item.offsetLeft - list.clientWidth / 2;
        }
      }
    }
    try {
      const found = await viewer.load(place);
      if (state.place !== place) return; // another one was chosen meanwhile
      image = found;
    } catch (error) {
      $("filter").textContent = `${facts.name} cannot be shown: ${error.message}`;
      return;
    }
    arrange();
  };
  const arrange = () => {
    if (!image) return;
    const facts = index.images[state.place];
    const remarks = ["", hasMistake() ? "" : `models differ on ${viewer.percent(facts.differ)}`];
    if (index.models.length < 2) remarks[1] = "";
    index.models.forEach((_, model) => {
      const size = index.classes.length;
      const mistakes = hasMistake();
      const pixels = mistakes ? viewer.mistakes(facts, model, state.truth, state.predicted, size) : 0;
      remarks.push(mistakes ? `${pixels.toLocaleString("en")} pixels` : `${viewer.percent(facts.miou[model])} mIoU`);
    });
    panes.arrange(image, remarks);
    section.dataset.shown = state.name;
  };
  const names = (place) => (place === null ? "another class" : index.classes[place].name);
  // Update the list; the image that is shown stays where it is still listed and `isFirst` is not set.
  const update = (isFirst = true) => {
    const isMistake = hasMistake();
    const choice = $("sort").querySelector("[value=mistake]");
    choice.hidden = choice.disabled = !isMistake;
    if (!isMistake && state.sort === "mistake") state.sort = $("sort").value = "worst";
    rows = viewer.list(index, state);
    $("list").replaceChildren(
      ...rows.map(({ place, text }) => {
        const [item, button, picture, label, value] = ["li", "button", "img", "span", "small"].map((tag) => document.createElement(tag));
        Object.assign(button, { type: "button", title: index.images[place].name });
        button.dataset.place = place;
        picture.alt = "";
        label.textContent = index.images[place].name;
        value.textContent = text;
        button.append(picture, label, value);
        item.append(button);
        seen.observe(button);
        return item;
      }),
    );
    $("count").textContent = `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "image" : "images"}`;
    $("filter").textContent = isMistake
      ? `Marked: pixels of ${names(state.truth)} that ${index.models[state.by].label} labels as ${names(state.predicted)}.`
      : "";
    $("filter").hidden = !isMistake;
    explain();
    $("body").hidden = !rows.length;
    $("none").hidden = rows.length > 0;
    if (!rows.length) return;
    const isListed = rows.some(({ place }) => place === state.place);
    show(isFirst || !isListed ? rows[0].place : state.place);
  };
  const step = (by) => {
    const now = rows.findIndex(({ place }) => place === state.place);
    const next = Math.min(Math.max(now + by, 0), rows.length - 1);
    if (rows.length && next !== now) show(rows[next].place);
  };

  // The legend has the colour of errors where something has that colour.
  const explain = () => ($("legend").querySelector(".wrong").parentElement.hidden = !state.errors && !hasMistake());
  const errors = (on) => {
    state.errors = on;
    $("labels").setAttribute("aria-pressed", !on);
    $("errors").setAttribute("aria-pressed", on);
    explain();
    panes.paint();
  };
  const swipe = (on, right = state.right) => {
    Object.assign(state, { isSwipe: on, right });
    $("right").value = right;
    $("swipe").setAttribute("aria-pressed", on);
    $("sides").hidden = !on;
    arrange();
  };
  const opacity = (value) => {
    state.opacity = Math.min(Math.max(value, 0), 1);
    $("opacity").value = Math.round(100 * state.opacity);
    panes.paint();
  };
  const mistake = (truth, predicted, by = state.by) => {
    Object.assign(state, { truth, predicted, by });
    [$("true").value, $("predicted").value, $("by").value] = [truth ?? "", predicted ?? "", by];
    if (truth !== null || predicted !== null) {
      state.sort = "mistake";
      state.right = by + 1; // a swipe shows the model that makes it
      $("right").value = state.right;
      $("mistakes").open = true;
    }
    update();
    $("sort").value = state.sort;
  };
  const clear = () => {
    for (const name of ["class", "part", "group"]) $(name).value = "";
    Object.assign(state, { class: null, part: "", group: "" });
    mistake(null, null);
  };
  const sortBy = (sort, one) => {
    Object.assign(state, { sort, class: one });
    [$("sort").value, $("class").value] = [sort, one ?? ""];
    update();
  };

  $("list").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) show(Number(button.dataset.place));
  });
  $("sort").addEventListener("change", () => {
    const sort = $("sort").value;
    sortBy(sort, sort === "class" && state.class === null ? 0 : state.class);
  });
  $("model").addEventListener("change", () => ((state.model = number($("model").value)), update()));
  $("class").addEventListener("change", () => {
    const one = number($("class").value);
    sortBy(one === null && state.sort === "class" ? "worst" : state.sort, one);
  });
  for (const name of ["part", "group"]) $(name).addEventListener("change", () => ((state[name] = $(name).value), update()));
  for (const name of ["true", "predicted", "by"]) {
    $(name).addEventListener("change", () => mistake(number($("true").value), number($("predicted").value), Number($("by").value)));
  }
  $("clear").addEventListener("click", clear);
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("labels").addEventListener("click", () => errors(false));
  $("errors").addEventListener("click", () => errors(true));
  $("opacity").addEventListener("input", () => opacity($("opacity").value / 100));
  $("swipe").addEventListener("click", () => swipe(!state.isSwipe));
  $("left").addEventListener("change", () => ((state.left = Number($("left").value)), arrange()));
  $("right").addEventListener("change", () => swipe(true, Number($("right").value)));
  $("divider").addEventListener("input", () => state.setDivider(Number($("divider").value)));
  $("in").addEventListener("click", () => panes.zoomAt(1.5));
  $("out").addEventListener("click", () => panes.zoomAt(1 / 1.5));
  $("fit").addEventListener("click", panes.fit);
  $("help").addEventListener("click", () => $("keys").showModal());

  // The classes, each a switch.
  const void_ = index.images.some((one) => one.pixels < one.width * one.height);
  $("legend").append(
    ...index.classes.map((one, place) => {
      const [item, button, swatch] = ["li", "button", "span"].map((tag) => document.createElement(tag));
      Object.assign(button, { type: "button" });
      button.setAttribute("aria-pressed", "true");
      swatch.className = "swatch";
      swatch.style.background = `rgb(${one.color.join(" ")})`;
      button.append(swatch, one.name);
      button.addEventListener("click", () => {
        const isOn = state.off.delete(place) || !state.off.add(place);
        button.setAttribute("aria-pressed", isOn);
        panes.paint();
      });
      item.append(button);
      return item;
    }),
  );
  for (const [kind, text] of [["wrong", "wrong"], ...(void_ ? [["void", "void, not scored"]] : [])]) {
    const [item, swatch] = [document.createElement("li"), document.createElement("span")];
    swatch.className = `swatch ${kind}`;
    if (kind === "wrong") swatch.style.background = `rgb(${index.wrong.join(" ")})`;
    item.append(swatch, text);
    $("legend").append(item);
  }

  const keys = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => step(-Infinity), End: () => step(Infinity),
    e: () => errors(!state.errors), s: () => swipe(!state.isSwipe), ",": () => opacity(state.opacity - 0.1),
    ".": () => opacity(state.opacity + 0.1), h: () => ((state.isHidden = !state.isHidden), panes.paint()),
    "[": () => state.setDivider(state.divider - 5), "]": () => state.setDivider(state.divider + 5),
    "+": () => panes.zoomAt(1.5), "=": () => panes.zoomAt(1.5), "-": () => panes.zoomAt(1 / 1.5), 0: panes.fit,
    x: clear, "?": () => $("keys").showModal(),
  };
  const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
  section.addEventListener("keydown", (event) => {
    const isTyped = event.target.matches("select, input") && event.key.length > 1; // arrows move these
    if (event.ctrlKey || event.metaKey || event.altKey || isTyped || event.target.closest("dialog")) return;
    const act =
      event.shiftKey && moves[event.key]
        ? () => panes.move(...moves[event.key])
        : /^[1-9]$/.test(event.key) && index.models[event.key - 1]
          ? () => swipe(true, Number(event.key))
          : keys[event.key.length > 1 ? event.key : event.key.toLowerCase()];
    if (!act || event.target.matches("select")) return; // letters choose in a list
    event.preventDefault();
    act();
  });
  section.tabIndex = -1;

  // Presses on the figures, and on anything else with `data-image`, lead here.
  const lead = (change) => (change(), section.scrollIntoView(), section.focus({ preventScroll: true }));
  const modelOf = (name) => index.models.findIndex((one) => one.name === name);
  document.addEventListener("click", (event) => {
    const spot = event.target.closest("[data-spot], [data-image]");
    if (!spot || spot.closest("#images")) return;
    const model = modelOf(spot.dataset.model);
    if (spot.dataset.image) {
      const place = index.images.findIndex((one) => one.name === spot.dataset.image);
      if (place >= 0) lead(() => (clear(), show(place)));
    } else if (spot.dataset.spot === "class") lead(() => sortBy("class", Number(spot.dataset.class)));
    else if (model < 0) return;
    else if (spot.dataset.spot === "model") {
      for (const one of document.querySelectorAll("[data-spot=model]")) one.setAttribute("aria-pressed", one === spot);
      document.querySelectorAll("tr[data-model]").forEach((row) => row.classList.toggle("chosen", row.dataset.model === spot.dataset.model));
      state.model = index.models.length > 1 ? model : null;
      $("model").value = state.model ?? $("model").options[0].value;
      $("by").value = state.by = model;
      lead(() => (swipe(true, model + 1), update()));
    } else {
      const [row, column] = viewer.cell(spot, event, index.classes.length);
      lead(() => mistake(row, column, model));
    }
  });
  update();
  section.dataset.ready = "true";
})();
