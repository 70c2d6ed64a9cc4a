// The quick look: pictures that the server renders, a series strip, window and level, cine, tags.
import { BASE, address, date, get, text, values } from "./dicomweb.js";

const { study, collection } = document.body.dataset;
const at = (id) => document.getElementById(id);
const stage = at("stage");
const picture = at("picture");
const slider = at("slider");
const AHEAD = 12;
const KEPT = 240;
const WITHOUT_PICTURE = new Set(["RTSTRUCT", "RTPLAN", "RTRECORD", "REG", "FID", "KO", "AU", "ECG", "HD", "EPS", "PLAN", "SMR"]);

let series = [];
let current = null; // the series that is shown
let place = 0;
let chosen = null; // {center, width} that the user chose
let timer = 0;
let wanted = "";
const pictures = new Map(); // address -> HTMLImageElement, oldest first

const own = (parameters = {}) => ({ ...parameters, collection });
const pathOf = (one, image) => `/studies/${study}/series/${one.uid}${image ? `/instances/${image.uid}` : ""}`;

function say(words) {
  at("said").textContent = words;
}

// -- the study ------------------------------------------------------------------------------------------------------

async function open() {
  try {
    const [found, all] = await Promise.all([
      get("/studies", own({ StudyInstanceUID: study, includefield: "StudyDescription" })),
      get(`/studies/${study}/series`, own({ includefield: "SeriesDescription" })),
    ]);
    if (!found.length || !all.length) return say("There is no such study, or you may not see it.");
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
    series.sort((a, b) => WITHOUT_PICTURE.has(a.modality) - WITHOUT_PICTURE.has(b.modality) || a.number - b.number);
    series.forEach(addToStrip);
    await show(series[0]);
  } catch (error) {
    say(error.message);
  }
}

function addToStrip(one) {
  const button = document.createElement("button");
  const thumb = document.createElement("span");
  thumb.className = "thumb";
  if (WITHOUT_PICTURE.has(one.modality)) {
    thumb.textContent = one.modality;
  } else {
    const image = new Image();
    image.loading = "lazy";
    image.alt = "";
    image.src = address(`${pathOf(one)}/thumbnail`, own({ viewport: "160,120" }));
    image.onerror = () => thumb.replaceChildren(one.modality);
    thumb.append(image);
  }
  const name = document.createElement("small");
  name.className = "name";
  name.textContent = one.name || "(no description)";
  const facts = document.createElement("small");
  facts.textContent = `${one.modality} · ${one.count}`;
  button.title = one.name;
  button.append(thumb, name, facts);
  button.onclick = () => show(one);
  one.button = button;
  at("strip").append(button);
}

async function imagesOf(one) {
  if (one.images) return one.images;
  const path = `${pathOf(one)}/instances`;
  const found = await get(path, own({ includefield: "NumberOfFrames,ImagePositionPatient" }));
  const instances = found.map((each) => ({
    uid: text(each, "00080018"),
    sopClass: text(each, "00080016"),
    number: Number(values(each, "00200013")[0] ?? 0),
    frames: Number(values(each, "00280008")[0] ?? 1),
    rows: Number(values(each, "00280010")[0] ?? 0),
  }));
  instances.sort((a, b) => a.number - b.number);
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
  at("presets").value = "";
  for (const each of series) each.button.setAttribute("aria-current", String(each === one));
  say("");
  await imagesOf(one);
  if (current !== one) return;
  slider.max = String(Math.max(one.images.length - 1, 0));
  go(Math.floor(one.images.length / 2));
}

// -- one picture ----------------------------------------------------------------------------------------------------

function addressOf(image) {
  const size = Math.min(1024, Math.max(256, 256 * Math.ceil((Math.min(stage.clientWidth, stage.clientHeight) * devicePixelRatio) / 256)));
  const frame = image.frame ? `/frames/${image.frame}` : "";
  const window = chosen ? `${Math.round(chosen.center)},${Math.max(1, Math.round(chosen.width))},linear` : "";
  return address(`${pathOf(current, image)}${frame}/rendered`, own({ viewport: `${size},${size}`, window }));
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
  showWindow();
  if (isDocument) return showDocument(image);
  const made = load(image);
  wanted = made.src;
  const put = () => {
    if (wanted !== made.src) return;
    say("");
    picture.src = made.src;
  };
  if (made.complete && made.naturalWidth) put();
  else {
    made.addEventListener("load", put, { once: true });
    made.addEventListener("error", () => wanted === made.src && fail(), { once: true });
    if (made.complete && !made.naturalWidth) fail();
  }
  for (let step = 1; step <= AHEAD; step += 1) {
    if (images[place + step]) load(images[place + step]);
    if (step <= 3 && images[place - step]) load(images[place - step]);
  }
  if (!at("tags").hidden) showTags();
}

function fail() {
  picture.removeAttribute("src");
  say("This object cannot be shown as a picture. Its tags can.");
}

function showDocument(image) {
  const frame = at("document");
  const path = address(`${pathOf(current, image)}/rendered`, own());
  wanted = path;
  if (frame.dataset.path === path) return;
  frame.dataset.path = path;
  frame.removeAttribute("src");
  fetch(path, { headers: { Accept: "text/html, application/pdf" } }).then(async (reply) => {
    if (wanted !== path) return;
    if (!reply.ok) {
      frame.hidden = true;
      say("This object has no picture. Its tags can be read.");
    } else if (reply.headers.get("Content-Type").startsWith("application/pdf")) {
      frame.hidden = true;
      window.open(path, "_blank", "noopener");
      say("The document was opened beside this page.");
    } else frame.srcdoc = await reply.text();
  });
  if (!at("tags").hidden) showTags();
}

function showWindow() {
  at("window").textContent = chosen ? `C ${Math.round(chosen.center)}  W ${Math.round(chosen.width)}` : "";
}

// -- window and level -----------------------------------------------------------------------------------------------

async function metadataOf(image) {
  image.metadata ??= get(`${pathOf(current, image)}/metadata`, own()).then(([only]) => only);
  return image.metadata;
}

async function windowOf(image) {
  if (chosen) return chosen;
  const found = await metadataOf(image);
  const center = Number(values(found, "00281050")[0]);
  const width = Number(values(found, "00281051")[0]);
  if (Number.isFinite(center) && width > 0) return { center, width };
  const top = 2 ** Number(values(found, "00280101")[0] ?? 8);
  return { center: top / 2, width: top };
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
  if (drag.touch) return go(drag.from + Math.round(down / 12));
  if (!drag.start || Math.abs(right) + Math.abs(down) < 4) return;
  const step = Math.max(drag.start.width / 300, 0.5);
  chosen = { center: drag.start.center + down * step, width: Math.max(1, drag.start.width + right * step) };
  showWindow();
  waiting ||= window.setTimeout(() => {
    waiting = 0;
    go(place);
  }, 60);
});

for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => (drag = null));

at("presets").addEventListener("change", (event) => {
  const [center, width] = event.target.value.split(",").map(Number);
  chosen = event.target.value ? { center, width } : null;
  go(place);
});

function reset() {
  chosen = null;
  at("presets").value = "";
  go(place);
}

// -- moving ---------------------------------------------------------------------------------------------------------

function play() {
  const one = current;
  at("play").setAttribute("aria-pressed", "true");
  at("play").textContent = "Pause";
  const tick = () => {
    if (current !== one) return;
    const next = (place + 1) % one.images.length;
    const made = load(one.images[next]);
    if (made.complete) go(next);
    const rate = Math.min(60, Math.max(1, Number(at("speed").value) || 15));
    timer = window.setTimeout(tick, 1000 / rate);
  };
  timer = window.setTimeout(tick, 0);
}

function stop() {
  window.clearTimeout(timer);
  timer = 0;
  at("play").setAttribute("aria-pressed", "false");
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
};

document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) && event.target !== slider;
  const pressing = event.target.tagName === "BUTTON" && event.key === " ";
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || !current?.images) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

stage.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    if (current?.images) go(place + Math.sign(event.deltaY));
  },
  { passive: false },
);
slider.addEventListener("input", () => go(Number(slider.value)));
at("play").addEventListener("click", toggle);
at("reset").addEventListener("click", reset);
window.addEventListener("resize", () => current?.images && go(place));

// -- tags -----------------------------------------------------------------------------------------------------------

let keywords = null;

function rowsOf(object, names, indent = "") {
  return Object.entries(object).flatMap(([tag, { vr, Value: all = [], BulkDataURI: bulk, InlineBinary: inline }]) => {
    const number = `${indent}(${tag.slice(0, 4)},${tag.slice(4)})`;
    const name = names[tag] ?? (parseInt(tag[3], 16) % 2 ? "private" : "");
    if (vr === "SQ") {
      const items = all.flatMap((item, index) => [
        [`${indent} item ${index + 1}`, "", "", ""],
        ...rowsOf(item, names, `${indent}  `),
      ]);
      return [[number, name, vr, ""], ...items];
    }
    const words = bulk ? "(bulk data)" : inline ? "(binary)" : text({ [tag]: { Value: all } }, tag);
    return [[number, name, vr, words]];
  });
}

const plain = (words) => words.toLowerCase().replace(/[(),\s]/g, "");

async function showTags() {
  const image = current.images[place];
  keywords ??= fetch(`${BASE}/look/keywords.json`).then((reply) => reply.json());
  const [found, names] = await Promise.all([metadataOf(image), keywords]);
  if (image !== current.images[place]) return;
  const wantedWords = plain(at("filter").value);
  const rows = rowsOf(found, names).filter((cells) => plain(cells.join(" ")).includes(wantedWords));
  const made = rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(
      ...cells.map((words) => {
        const cell = document.createElement("td");
        cell.textContent = words;
        return cell;
      }),
    );
    return row;
  });
  at("tags").querySelector("tbody").replaceChildren(...made);
}

function toggleTags() {
  const panel = at("tags");
  panel.hidden = !panel.hidden;
  at("show-tags").setAttribute("aria-expanded", String(!panel.hidden));
  if (!panel.hidden && current?.images?.length) showTags();
}

at("show-tags").addEventListener("click", toggleTags);
at("filter").addEventListener("input", showTags);
open();
