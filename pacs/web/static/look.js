// The quick look: pictures that the server renders, a series strip, window and level, cine, tags.
import { BASE, Missing, address, date, get, text, values } from "./dicomweb.js";
import { buttonOf, rank } from "./look_strip.js";
import { rowsOf } from "./look_tags.js";
import { asked, fitted, named, short } from "./look_window.js";

const { study, collection } = document.body.dataset;
const at = (id) => document.getElementById(id);
const [stage, picture, slider] = ["stage", "picture", "slider"].map(at);
const AHEAD = 12;
const KEPT = 240;
const USUAL_SPEED = 15;

let series = [];
let current = null; // the series that is shown
let place = 0;
let chosen = null; // {center, width} that the user chose
let timer = 0;
let slow = 0; // says after a while that a picture is still on its way
let wanted = "";
const pictures = new Map(); // address -> HTMLImageElement, oldest first

const own = (parameters = {}) => ({ ...parameters, collection });
const pathOf = (one, image) => `/studies/${study}/series/${one.uid}${image ? `/instances/${image.uid}` : ""}`;

function say(words) {
  window.clearTimeout(slow);
  slow = 0;
  stage.classList.remove("waiting");
  at("said").textContent = words;
}

// The picture before stays until the next is there; what is no longer of the place that is named goes pale.
function wait() {
  slow ||= window.setTimeout(() => {
    stage.classList.add("waiting");
    at("said").textContent = "Loading…";
  }, 300);
}

// -- the study ------------------------------------------------------------------------------------------------------

async function open() {
  try {
    const [found, all] = await Promise.all([
      get("/studies", own({ StudyInstanceUID: study, includefield: "StudyDescription" })),
      get(`/studies/${study}/series`, own({ includefield: "SeriesDescription" })),
    ]);
    if (!found.length || !all.length) throw new Missing("There is no such study, or you may not see it.");
    const title = [text(found[0], "00100020"), date(found[0], "00080020"), text(found[0], "00081030")];
    at("title").textContent = title.filter(Boolean).join(" · ");
    document.title = `${at("title").textContent} · TrialPACS`;
    series = all.map((each) => ({
      uid: text(each, "0020000E"),
      modality: text(each, "00080060"),
      number: Number(values(each, "00200011")[0] ?? Infinity),
      name: text(each, "0008103E"),
      count: Number(values(each, "00201209")[0] ?? 0),
      images: null,
    }));
    series.sort((a, b) => rank(a) - rank(b) || a.number - b.number);
    for (const one of series) {
      one.button = buttonOf(one, address(`${pathOf(one)}/thumbnail`, own({ viewport: "160,120" })), () => show(one));
      at("strip").append(one.button);
    }
    await show(series[0]);
  } catch (error) {
    say(error.message);
    if (error instanceof Missing && at("sign-in")) at("sign-in").hidden = false;
  }
}

async function imagesOf(one) {
  if (one.images) return one.images;
  const path = `${pathOf(one)}/instances`;
  const found = await get(path, own({ includefield: "NumberOfFrames,ImagePositionPatient" }));
  const instances = found.map((each) => ({
    uid: text(each, "00080018"),
    number: Number(values(each, "00200013")[0] ?? 0),
    height: Number(values(each, "00200032")[2] ?? 0),
    frames: Number(values(each, "00280008")[0] ?? 1),
    rows: Number(values(each, "00280010")[0] ?? 0),
  }));
  instances.sort((a, b) => a.number - b.number || a.height - b.height);
  one.images = instances.flatMap((each) => {
    const frames = Math.max(each.frames, 1);
    return Array.from({ length: frames }, (_, index) => ({ ...each, frame: frames > 1 ? index + 1 : 0 }));
  });
  return one.images;
}

async function show(one) {
  stop();
  current = one;
  chosen = null;
  at("presets").value = one.modality === "PT" ? "fit" : "";
  at("speed").value = String(one.speed ?? USUAL_SPEED);
  for (const each of series) each.button.setAttribute("aria-current", String(each === one));
  one.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  say("");
  wait();
  try {
    await imagesOf(one);
  } catch (error) {
    if (current === one) say(error.message);
    return;
  }
  if (current !== one) return;
  slider.max = String(Math.max(one.images.length - 1, 0));
  at("play").disabled = slider.disabled = one.images.length < 2;
  place = Math.floor(one.images.length / 2);
  if (at("presets").value === "fit") await choose("fit");
  else go(place);
}

// -- one picture ----------------------------------------------------------------------------------------------------

function addressOf(image) {
  const size = Math.min(1024, Math.max(256, 256 * Math.ceil((Math.min(stage.clientWidth, stage.clientHeight) * devicePixelRatio) / 256)));
  const frame = image.frame ? `/frames/${image.frame}` : "";
  return address(`${pathOf(current, image)}${frame}/rendered`, own({ viewport: `${size},${size}`, window: asked(chosen) }));
}


function load(image) {
  const url = addressOf(image);
  let made = pictures.get(url);
  if (!made) {
    made = new Image();
    made.src = url;
    made.decode().catch(() => {});
    pictures.set(url, made);
    if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value);
  }
  return made;
}

function go(index) {
  const { images } = current;
  if (!images.length) return say("This series is empty.");
  place = Math.min(Math.max(index, 0), images.length - 1);
  slider.value = String(place);
  const image = images[place];
  const isDocument = !image.rows;
  at("document").hidden = !isDocument;
  picture.hidden = isDocument;
  at("where").textContent = `${place + 1} / ${images.length}`;
  slider.setAttribute("aria-valuetext", `${place + 1} of ${images.length}`);
  picture.alt = `${current.modality} ${current.name}, image ${place + 1} of ${images.length}`;
  at("beside").hidden = true;
  showWindow();
  if (isDocument) return showDocument(image);
  let made = load(image);
  if (made.complete && !made.naturalWidth) { // it failed before: the network, perhaps
    pictures.delete(addressOf(image));
    made = load(image);
  }
  wanted = made.src;
  const put = () => {
    if (wanted !== made.src) return;
    say("");
    picture.src = made.src;
    neighbours().forEach(load);
  };
  forgetWhatIsLate();
  if (made.complete && made.naturalWidth) put();
  else {
    wait();
    made.addEventListener("load", put, { once: true });
    made.addEventListener("error", () => wanted === made.src && fail(), { once: true });
  }
  if (!at("tags").hidden) showTags();
}

// What is likely to be looked at next. It is asked for when the wanted picture is there, so as not to delay it.
function neighbours() {
  const { images } = current;
  const near = [];
  for (let step = 1; step <= AHEAD; step += 1) near.push(images[place + step], step <= 3 ? images[place - step] : null);
  return near.filter((image) => image?.rows);
}

// On a slow network pictures that were scrolled past would keep the wanted one waiting.
function forgetWhatIsLate() {
  const near = new Set([wanted, ...neighbours().map((image) => new URL(addressOf(image), location.href).href)]);
  for (const [url, made] of pictures) {
    if (made.complete || near.has(made.src)) continue;
    pictures.delete(url);
    made.removeAttribute("src");
  }
}

function fail() {
  picture.removeAttribute("src");
  say("This object cannot be shown as a picture. Its tags can.");
}

async function showDocument(image) {
  const frame = at("document");
  const path = address(`${pathOf(current, image)}/rendered`, own());
  wanted = path;
  if (!at("tags").hidden) showTags();
  if (frame.dataset.path === path) return say("");
  delete frame.dataset.path;
  frame.hidden = true;
  wait();
  const reply = await fetch(path, { method: "HEAD", headers: { Accept: "text/html, application/pdf" } }).catch(() => null);
  if (wanted !== path) return;
  const kind = reply?.ok ? reply.headers.get("Content-Type") : "";
  if (kind.startsWith("application/pdf")) {
    say("");
    at("beside").href = path;
    at("beside").hidden = false;
  } else if (kind.startsWith("text/html")) {
    say("");
    frame.src = path;
    frame.dataset.path = path;
    frame.hidden = false;
  } else say("This object has no picture. Its tags can be read.");
}

function showWindow() {
  at("window").textContent = chosen ? `C ${short(chosen.center)}  W ${short(chosen.width)}` : "";
}

// -- window and level -----------------------------------------------------------------------------------------------

async function metadataOf(image) {
  image.metadata ??= get(`${pathOf(current, image)}/metadata`, own()).then(([only]) => only);
  return image.metadata;
}

async function windowOf(image) {
  return chosen ?? named(await metadataOf(image));
}

async function fittedTo(image) {
  const frame = image.frame ? `/frames/${image.frame}` : "";
  const small = (window) => address(`${pathOf(current, image)}${frame}/rendered`, own({ viewport: "128,128", window: asked(window) }));
  return fitted(await metadataOf(image), small);
}

let drag = null;
let waiting = 0;

stage.addEventListener("pointerdown", async (event) => {
  if (event.button !== 0 || !current?.images?.length || picture.hidden) return;
  stage.setPointerCapture(event.pointerId);
  drag = { x: event.clientX, y: event.clientY, touch: event.pointerType === "touch", from: place, start: null };
  if (!drag.touch) {
    const mine = drag;
    mine.start = await windowOf(current.images[place]);
  }
});

stage.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const right = event.clientX - drag.x;
  const down = event.clientY - drag.y;
  // A swipe over the picture goes through a short series, or through a good part of a long one.
  if (drag.touch) return go(drag.from + Math.round(down / Math.min(12, Math.max(3, stage.clientHeight / current.images.length))));
  if (!drag.start || Math.abs(right) + Math.abs(down) < 4) return;
  const step = drag.start.width / 300;
  chosen = { center: drag.start.center + down * step, width: Math.max(step, drag.start.width + right * step) };
  showWindow();
  waiting ||= window.setTimeout(() => {
    waiting = 0;
    go(place);
  }, 60);
});

for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => (drag = null));

async function choose(preset) {
  const one = current;
  if (!one?.images) return;
  const [center, width] = preset.split(",").map(Number);
  let window = preset ? { center, width } : null;
  if (preset === "fit") window = one.images[place]?.rows ? await fittedTo(one.images[place]).catch(() => null) : null;
  if (current !== one) return;
  chosen = window;
  go(place);
}

at("presets").addEventListener("change", (event) => choose(event.target.value));

function reset() {
  at("presets").value = "";
  choose("");
}

// -- moving ---------------------------------------------------------------------------------------------------------

// Frames a second as the object wishes; PS3.3 C.7.6.5.1.1, C.8.2.1.
async function wishedRate(image) {
  const found = await metadataOf(image).catch(() => ({}));
  const number = (tag) => Number(values(found, tag)[0] ?? 0);
  return Math.round(number("00082144") || number("00180040") || 1000 / (number("00181063") || Infinity));
}

function play() {
  const one = current;
  if (!one?.images) return;
  if (one.images.filter((image) => image.rows).length < 2) return;
  at("play").textContent = "Pause";
  if (one.images[place].frame && !one.speed) {
    one.speed = USUAL_SPEED;
    wishedRate(one.images[place]).then((rate) => {
      if (rate) one.speed = Math.min(60, rate);
      if (current === one) at("speed").value = String(one.speed);
    });
  }
  const tick = () => {
    if (current !== one) return;
    let next = (place + 1) % one.images.length;
    while (!one.images[next].rows) next = (next + 1) % one.images.length;
    if (load(one.images[next]).complete) go(next);
    const rate = Math.min(60, Math.max(1, Number(at("speed").value) || USUAL_SPEED));
    timer = window.setTimeout(tick, 1000 / rate);
  };
  timer = window.setTimeout(tick, 0);
}

function stop() {
  window.clearTimeout(timer);
  timer = 0;
  at("play").textContent = "Play";
}

const toggle = () => (timer ? stop() : play());
const neighbour = (step) => {
  const next = series[series.indexOf(current) + step];
  if (next) show(next);
};
const KEYS = {
  ArrowDown: () => go(place + 1),
  ArrowRight: () => go(place + 1),
  ArrowUp: () => go(place - 1),
  ArrowLeft: () => go(place - 1),
  PageDown: () => go(place + 10),
  PageUp: () => go(place - 10),
  Home: () => go(0),
  End: () => go(current.images.length - 1),
  "[": () => neighbour(-1),
  "]": () => neighbour(1),
  " ": toggle,
  r: reset,
  R: reset,
  t: () => toggleTags(),
  T: () => toggleTags(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !at("tags").hidden) {
    toggleTags();
    at("show-tags").focus();
  }
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) && event.target !== slider;
  const pressing = event.target.tagName === "BUTTON" && event.key === " ";
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || !current?.images) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

let rolled = 0;
const roll = (event) => {
  event.preventDefault();
  rolled += event.deltaY;
  // A notch of a wheel is an image; a trackpad tells many small steps.
  if (!current?.images || (event.deltaMode === 0 && Math.abs(event.deltaY) < 50 && Math.abs(rolled) < 30)) return;
  go(place + Math.sign(event.deltaY));
  rolled = 0;
};
stage.addEventListener("wheel", roll, { passive: false });
slider.addEventListener("input", () => go(Number(slider.value)));
at("play").addEventListener("click", toggle);
at("speed").addEventListener("input", () => current && (current.speed = Number(at("speed").value) || USUAL_SPEED));
at("reset").addEventListener("click", reset);
window.addEventListener("resize", () => current?.images && go(place));

// -- tags -----------------------------------------------------------------------------------------------------------

async function showTags() {
  const image = current?.images?.[place];
  if (!image) return;
  const found = await metadataOf(image);
  const rows = await rowsOf(found, at("filter").value);
  if (image === current.images[place]) at("tags").querySelector("tbody").replaceChildren(...rows);
}

function toggleTags() {
  const panel = at("tags");
  panel.hidden = !panel.hidden;
  at("show-tags").setAttribute("aria-expanded", String(!panel.hidden));
  if (!panel.hidden) showTags();
}

at("show-tags").addEventListener("click", toggleTags);
at("filter").addEventListener("input", showTags);
open();
