// Drop images, look at their labels. No other server gets a request, and nothing is kept.
import { readIndices } from "./png.js";

const $ = (id) => document.getElementById(id);
const SHOWN = 1600; // pixels of the longer side on the screen; downloads have the image's own size
const TRIES = 8; // how often a busy server is asked again
const PHOTO = "\u0000photo"; // in the swipe view: the image without labels

const state = { models: [], chosen: new Set(), hidden: new Set(), images: [], current: null, drawn: [], turn: 0, token: takeToken() };

// Requests

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") || "";
}

async function ask(path, body) {
  const headers = state.token ? { Authorization: `Bearer ${state.token}` } : {};
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(path, { method: body ? "POST" : "GET", body, headers, credentials: "omit" }).catch(() => null);
    if (response?.ok) return response;
    if (response && [429, 503].includes(response.status) && attempt < TRIES) {
      await new Promise((done) => setTimeout(done, 1000 * (Number(response.headers.get("Retry-After")) || 1) * (0.5 + Math.random())));
      continue;
    }
    const problem = response ? await response.json().catch(() => ({})) : {};
    if (response?.status === 401) showToken();
    throw new Error(problem.what ? sentence(problem) : "The server does not answer. Look at the terminal that it was started in.");
  }
}

function sentence({ what, where, remedy }) {
  const place = where && where !== "body" ? `${where}: ` : "";
  return `${place}${what}. ${remedy}.`;
}

async function upload(file, path) {
  const form = new FormData();
  form.append("image", file, "image"); // its name stays here
  return ask(path, form);
}

// Images

function addImages(files) {
  const added = [...files].map((file) => ({ file, name: file.name || "image", results: new Map(), bitmap: null }));
  if (!added.length) return;
  state.images.push(...added);
  listImages();
  show(added[0]);
}

function listImages() {
  $("images").replaceChildren(...state.images.map((image) => {
    const button = element("button", { type: "button", className: "second small" }, element("span", { textContent: image.name }));
    button.setAttribute("aria-pressed", String(image === state.current));
    button.addEventListener("click", () => show(image));
    return element("li", {}, button);
  }));
  $("images").hidden = state.images.length < 2;
}

async function show(image) {
  if (state.current !== image && state.current?.bitmap) {
    state.current.bitmap.close();
    state.current.bitmap = null;
  }
  const turn = ++state.turn, isOver = () => turn !== state.turn;
  state.current = image;
  state.drawn = [];
  complain("");
  listImages();
  const models = state.models.filter((model) => state.chosen.has(model.name));
  const missing = models.filter((model) => !image.results.has(model.name));
  const answers = missing.length ? labelWith(image, missing) : null;
  say(`${image.name}: labelling …`);
  try {
    const bitmap = image.bitmap ?? await openImage(image.file);
    if (isOver()) return bitmap.close();
    image.bitmap = bitmap;
    for (const model of models) {
      if (!image.results.has(model.name)) await answers.next();
      const result = isOver() ? null : await readLabels(image, model);
      if (isOver()) return;
      if (result.width !== image.bitmap.width || result.height !== image.bitmap.height) {
        const preview = await openPreview(image.file); // a browser that turns it in another way
        if (isOver()) return preview.close();
        image.bitmap.close();
        image.bitmap = preview;
      }
      state.drawn.push(result);
      $("result").hidden = false;
      $("result-title").textContent = image.name;
      showResult();
    }
    say(models.length ? `${image.name}: ${image.bitmap.width} × ${image.bitmap.height} pixels` : "Choose a model.");
    if (!models.length) showResult();
  } catch (error) {
    if (isOver()) return;
    say("");
    complain(`${image.name}: ${error.message}`);
    if (!state.drawn.length) $("result").hidden = true;
  } finally {
    answers?.return(); // the server then labels with no further model
  }
}

async function openImage(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    return openPreview(file); // TIFF, HEIC, ...
  }
}

async function openPreview(file) {
  return createImageBitmap(await (await upload(file, "/preview")).blob());
}

/** Send an image once, and keep the labels of each model as they arrive. */
async function* labelWith(image, models) {
  const query = models.map(({ name }) => `model=${encodeURIComponent(name)}`).join("&");
  const response = await upload(image.file, `/compare?${query}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (const { name } of models) {
      const answer = JSON.parse(await readLine(reader));
      if (answer.what) throw new Error(sentence(answer));
      const bytes = Uint8Array.from(atob(answer.mask), (letter) => letter.charCodeAt(0));
      image.results.set(name, { blob: new Blob([bytes], { type: "image/png" }), times: answer.latency_ms });
      yield name;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Read the next line of a reader of text; what follows it stays with the reader. */
async function readLine(reader) {
  reader.rest ??= "";
  while (!reader.rest.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The server stopped in the middle of its answer. Look at the terminal that it was started in.");
    reader.rest += value;
  }
  const end = reader.rest.indexOf("\n"), line = reader.rest.slice(0, end);
  reader.rest = reader.rest.slice(end + 1);
  return line;
}

async function readLabels(image, model) {
  const kept = image.results.get(model.name);
  const { width, height, indices } = await readIndices(kept.blob);
  const pixels = new Array(256).fill(0);
  for (const index of indices) pixels[index]++;
  return { model, width, height, indices, pixels, ...kept };
}

// Drawing

function showResult() {
  const names = state.drawn.map(({ model }) => model.name);
  $("layout").hidden = false;
  fillSelect($("left"), [[PHOTO, "the image"], ...names.map((name) => [name, name])], PHOTO);
  fillSelect($("right"), [[PHOTO, "the image"], ...names.map((name) => [name, name])], names[0]);
  $("panes").replaceChildren(...state.drawn.map(makePane));
  showClasses();
  draw();
}

function duration(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

function makePane(result) {
  const { model, times } = result;
  result.canvas = element("canvas", { role: "img" });
  const wait = times.wait >= 20 ? `, after ${duration(times.wait)} of waiting` : "";
  const time = `labelled in ${duration(times.label)}${wait}`;
  const buttons = element("span", { className: "row" },
    download("Mask", `the mask of ${model.name}`, () => save(result.blob, fileName(result, "mask"))),
    download("Overlay", `the overlay of ${model.name}`, () => saveOverlay(result)));
  return element("figure", {}, result.canvas, element("figcaption", {},
    element("strong", { textContent: model.name }), element("span", { className: "time", textContent: time }), buttons));
}

function download(text, what, action) {
  const button = element("button", { type: "button", className: "second small", textContent: `↓ ${text}` });
  button.setAttribute("aria-label", `Download ${what}`);
  button.addEventListener("click", action);
  return button;
}

function draw() {
  const view = document.querySelector("input[name=view]:checked").value;
  $("panes").hidden = view !== "panes";
  $("swipe").hidden = view !== "swipe" || !state.drawn.length;
  if (!state.drawn.length) return;
  const { bitmap } = state.current;
  const scale = Math.min(1, SHOWN / Math.max(bitmap.width, bitmap.height));
  if (view === "panes") {
    for (const result of state.drawn) {
      paint(result.canvas, bitmap, result, scale);
      result.canvas.setAttribute("aria-label", describe(result));
    }
    return;
  }
  const canvas = $("swipe-canvas");
  const [left, right] = ["left", "right"].map((side) => state.drawn.find(({ model }) => model.name === $(side).value) ?? null);
  paint(canvas, bitmap, right, scale);
  const other = document.createElement("canvas");
  paint(other, bitmap, left, scale);
  const edge = Math.round(canvas.width * $("split").value / 100);
  const context = canvas.getContext("2d");
  if (edge) context.drawImage(other, 0, 0, edge, canvas.height, 0, 0, edge, canvas.height);
  $("edge").style.left = `${$("split").value}%`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Left ${$("left").selectedOptions[0].text}, right ${$("right").selectedOptions[0].text}`);
}

/** Paint the image, and the labels over it unless `result` is null. */
function paint(canvas, bitmap, result, scale) {
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.parentElement?.style.setProperty("--ratio", canvas.width / canvas.height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  if (!result) return;
  const layer = new ImageData(canvas.width, canvas.height);
  const tints = layerColors(result.model), pixels = new Uint32Array(layer.data.buffer);
  const columns = Uint32Array.from({ length: canvas.width }, (_, x) => Math.floor((x + 0.5) * result.width / canvas.width));
  for (let y = 0, at = 0; y < canvas.height; y++) {
    const row = Math.floor((y + 0.5) * result.height / canvas.height) * result.width;
    for (let x = 0; x < canvas.width; x++, at++) pixels[at] = tints[result.indices[row + columns[x]]];
  }
  const cover = document.createElement("canvas");
  [cover.width, cover.height] = [canvas.width, canvas.height];
  cover.getContext("2d").putImageData(layer, 0, 0);
  context.drawImage(cover, 0, 0);
}

/** A colour with opacity for each index, as the bytes of an ImageData. */
function layerColors(model) {
  const colors = new Uint8Array(4 * 256), opacity = Math.round(255 * $("opacity").value / 100);
  for (const { index, name, color } of model.classes) {
    if (state.hidden.has(name)) continue;
    const number = parseInt(color.slice(1), 16);
    colors.set([number >> 16, (number >> 8) & 255, number & 255, opacity], 4 * index);
  }
  return new Uint32Array(colors.buffer);
}

function describe(result) {
  const shares = result.model.classes.map(({ index, name }) => [result.pixels[index], name]).filter(([count]) => count);
  shares.sort((one, other) => other[0] - one[0]);
  const listed = shares.map(([count, name]) => `${name} ${percent(count / result.indices.length)}`);
  return `Labels of ${result.model.name}: ${listed.join(", ")}`;
}

// Classes

function showClasses() {
  const models = state.drawn.length ? state.drawn.map(({ model }) => model) : state.models.slice(0, 1);
  const names = new Map(models.flatMap((model) => model.classes.map((entry) => [entry.name, entry])));
  const heading = (text) => element("th", { scope: "col", textContent: text });
  $("class-head").replaceChildren(heading("shown"), ...state.drawn.map(({ model }) => heading(model.name)));
  $("classes").replaceChildren(...[...names.values()].map(({ name, color }) => {
    const box = element("input", { type: "checkbox", checked: !state.hidden.has(name) });
    box.addEventListener("change", () => {
      state.hidden[box.checked ? "delete" : "add"](name);
      draw();
    });
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = color;
    const cells = state.drawn.map((result) => {
      const own = result.model.classes.find((entry) => entry.name === name);
      return element("td", { textContent: own ? percent(result.pixels[own.index] / result.indices.length) : "" });
    });
    return element("tr", {}, element("th", { scope: "row" }, element("label", {}, box, swatch, name)), ...cells);
  }));
}

function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1%";
  return `${(100 * share).toFixed(1)}%`;
}

function showOrHideAll(names) {
  state.hidden = new Set(names);
  showClasses();
  draw();
}

// Downloads

function fileName(result, kind) {
  const stem = state.current.name.replace(/\.[^.]*$/, "");
  return `${stem}_${state.models.length > 1 ? `${result.model.name}_` : ""}${kind}.png`;
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function saveOverlay(result) {
  const canvas = document.createElement("canvas");
  paint(canvas, state.current.bitmap, result, 1);
  canvas.toBlob((blob) => (blob ? save(blob, fileName(result, "overlay")) : complain("The image is too large for this browser.")));
}

// The page

function element(kind, properties = {}, ...children) {
  const made = Object.assign(document.createElement(kind), properties);
  if (properties.role) made.setAttribute("role", properties.role);
  made.append(...children);
  return made;
}

function fillSelect(select, entries, preferred) {
  const before = select.value, values = entries.map(([value]) => value);
  select.replaceChildren(...entries.map(([value, text]) => element("option", { value, textContent: text })));
  select.value = values.includes(before) && select.dataset.touched ? before : preferred;
}

function say(text) {
  $("status").textContent = text;
}

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function showToken() {
  $("token-form").hidden = false;
  $("token").focus();
}

function showModels() {
  $("models").hidden = state.models.length < 2;
  $("models").append(...state.models.map(({ name, miou }) => {
    const box = element("input", { type: "checkbox", checked: true, value: name });
    box.addEventListener("change", () => {
      state.chosen[box.checked ? "add" : "delete"](name);
      if (state.current) show(state.current);
    });
    const score = typeof miou === "number" ? ` (mIoU ${percent(miou)})` : "";
    return element("label", {}, box, `${name}${score}`);
  }));
}

async function start() {
  complain("");
  try {
    const found = await (await ask("/models")).json();
    state.models = found.models;
    state.chosen = new Set(found.models.map(({ name }) => name));
    state.hidden = new Set(found.models[0].classes.filter(({ tinted }) => !tinted).map(({ name }) => name));
    $("limits").textContent = `Up to ${Math.floor(found.max_bytes / 1048576 * 10) / 10} MiB and ${found.max_pixels / 1e6} megapixels each.`;
    const bearer = state.token ? '-H "Authorization: Bearer TOKEN" ' : "";
    $("curl").textContent = [
      `curl ${bearer}-F image=@photo.jpg ${location.origin}/predict -o mask.png`,
      `curl ${bearer}-F image=@photo.jpg "${location.origin}/predict?format=json&model=${encodeURIComponent(found.default)}"`,
    ].join("\n");
    $("openapi").hidden = Boolean(state.token); // a link sends no token
    $("token-form").hidden = true;
    $("input").hidden = $("program").hidden = false;
    showModels();
    if (state.current) show(state.current); // an image that was chosen before the models were known
  } catch (error) {
    if ($("token-form").hidden || state.token) complain(error.message);
  }
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = $("token").value.trim();
  sessionStorage.setItem("token", state.token);
  $("token").value = "";
  start();
});
for (const id of ["files", "camera"]) {
  $(id).addEventListener("change", () => {
    addImages($(id).files);
    $(id).value = "";
  });
}
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && !$("input").hidden) addImages(event.dataTransfer.files);
  });
}
document.addEventListener("paste", (event) => {
  if (!$("input").hidden) addImages([...event.clipboardData.files].filter(({ type }) => type.startsWith("image/")));
});
$("opacity").addEventListener("input", () => {
  $("opacity-value").textContent = `${$("opacity").value}%`;
  draw();
});
$("split").addEventListener("input", () => {
  $("split-value").textContent = `${$("split").value}%`;
  draw();
});
for (const side of ["left", "right"]) {
  $(side).addEventListener("change", () => {
    $(side).dataset.touched = "yes";
    draw();
  });
}
for (const radio of document.querySelectorAll("input[name=view]")) radio.addEventListener("change", draw);
$("show-all").addEventListener("click", () => showOrHideAll([]));
$("show-none").addEventListener("click", () => showOrHideAll(state.models.flatMap(({ classes }) => classes.map(({ name }) => name))));
$("swipe-canvas").addEventListener("pointermove", (event) => {
  if (event.pointerType === "mouse" && !event.buttons) return;
  const box = event.currentTarget.getBoundingClientRect();
  $("split").value = Math.round(100 * (event.clientX - box.left) / box.width);
  $("split").dispatchEvent(new Event("input"));
});
start();
