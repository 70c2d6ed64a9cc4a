// The upload page: what was chosen, how far it is, and the sum at the end.
import { chosen, dropped } from "./upload_folder.js";
import { COPY, FAILED, HERE, STORED, Upload } from "./upload_queue.js";

const SHOWN_ERRORS = 100, ASKED_AT_ONCE = 1000;
const part = (name) => document.getElementById(name);
const number = (value) => value.toLocaleString("en");
const note = `upload of ${part("upload").dataset.user}`;
let upload = null;
let began = 0;
let doneBefore = 0;
let shownErrors = 0;

function size(bytes) {
  for (const [unit, name] of [[2 ** 30, "GB"], [2 ** 20, "MB"]]) {
    if (bytes >= unit) return `${(bytes / unit).toFixed(1)} ${name}`;
  }
  return `${Math.ceil(bytes / 1024)} KB`;
}

function time(seconds) {
  if (seconds < 90) return "about a minute";
  return seconds < 5400 ? `about ${Math.round(seconds / 60)} minutes` : `about ${Math.round(seconds / 3600)} hours`;
}

async function take(fill) {
  const collection = part("collection");
  if (!collection.value) {
    collection.focus();
    say("Choose a collection first.");
    return;
  }
  if (upload === null || !upload.running) start(collection.value);
  const mine = upload;
  say("Reading the folder…");
  await fill((file, path) => mine.add(file, path));
  if (mine !== upload || !mine.files.length) {
    if (!mine.files.length) say("There is no file in it.");
    return;
  }
  go();
}

function start(collection) {
  upload = new Upload(collection);
  shownErrors = 0;
  part("errors").tBodies[0].replaceChildren();
  part("end").dataset.done = "";
  for (const each of ["problems", "end", "more-errors"]) part(each).hidden = true;
}

async function go() {
  if (upload.running) return;
  began = Date.now();
  doneBefore = upload.doneBytes;
  part("collection").disabled = true;
  part("unfinished").hidden = true;
  part("hint").textContent = "";
  part("going").hidden = false;
  part("pause").hidden = false;
  const ticking = setInterval(show, 250);
  await upload.run();
  clearInterval(ticking);
  show();
  part("pause").hidden = true;
  part("collection").disabled = false;
  localStorage.removeItem(note);
  await finish(upload);
}

function say(text) {
  part(part("going").hidden ? "hint" : "said").textContent = text;
}

function show() {
  const { files, left, counts, doneBytes, bytes, trouble, paused } = upload;
  part("bar").max = files.length;
  part("bar").value = files.length - left;
  const seconds = (Date.now() - began) / 1000;
  const speed = (doneBytes - doneBefore) / seconds;
  const rest = left && speed > 0 && seconds > 5 ? `, ${time((bytes - doneBytes) / speed)} left` : "";
  say(`${number(files.length - left)} of ${number(files.length)} files, ${size(doneBytes)} of ${size(bytes)}${paused ? ", paused" : rest}`);
  const shown = { sent: counts[STORED], here: counts[HERE], copies: counts[COPY], failed: counts[FAILED], left };
  for (const [name, value] of Object.entries(shown)) part(`count-${name}`).textContent = number(value);
  part("trouble").textContent = trouble;
  part("pause").textContent = paused ? "Resume" : "Pause";
  showErrors();
  if (left) localStorage.setItem(note, JSON.stringify({ collection: upload.collection, files: files.length, left }));
}

function showErrors() {
  const { errors, files } = upload;
  part("problems").hidden = errors.length === 0;
  for (; shownErrors < Math.min(errors.length, SHOWN_ERRORS); shownErrors++) {
    const file = files[errors[shownErrors]];
    const row = part("errors").tBodies[0].insertRow();
    row.insertCell().textContent = file.path;
    row.insertCell().textContent = file.error;
  }
  part("more-errors").hidden = errors.length <= SHOWN_ERRORS;
  part("more-errors").textContent = `${number(errors.length - SHOWN_ERRORS)} more are in the list.`;
}

// What became of every file, as the archive's receipts say it; asked until no worker has any left to look at.
async function finish(done) {
  part("end").hidden = false;
  const digests = [...done.byDigest].filter(([, each]) => done.files[each].state !== FAILED).map(([digest]) => digest);
  const states = new Map();
  let open = digests;
  for (let pause = 1; done === upload && !done.running; pause = Math.min(pause * 1.5, 10)) {
    for (let place = 0; place < open.length; place += ASKED_AT_ONCE) {
      const some = open.slice(place, place + ASKED_AT_ONCE);
      (await done.known(some)).forEach((state, each) => states.set(some[each], state ?? "missing"));
    }
    const sums = new Map();
    for (const state of states.values()) sums.set(state, (sums.get(state) ?? 0) + 1);
    if (done !== upload) return;
    showEnd(done, sums);
    open = digests.filter((each) => states.get(each) === "waiting");
    if (!open.length) return;
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
  }
}

const WORDS = { held: "held for a curator or a mapping row", waiting: "waiting for a worker", missing: "not found again" };

function showEnd({ files, counts }, sums) {
  const terms = ["published", "duplicate", "waiting", "held", "quarantined", "dropped", "missing"]
    .filter((state) => sums.get(state))
    .map((state) => `${number(sums.get(state))} ${WORDS[state] ?? state}`);
  if (counts[COPY]) terms.push(`${number(counts[COPY])} the same as another file`);
  if (counts[FAILED]) terms.push(`${number(counts[FAILED])} not taken`);
  part("sum").textContent = `${number(files.length)} files = ${terms.join(" + ") || "0 published"}`;
  part("end").dataset.done = sums.get("waiting") ? "" : "yes";
}

function downloadErrors() {
  const quoted = (text) => `"${(/^[=+\-@]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const lines = upload.errors.map((each) => `${quoted(upload.files[each].path)},${quoted(upload.files[each].error)}`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`file,why\r\n${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
  link.download = "not-taken.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function remember() {
  const before = JSON.parse(localStorage.getItem(note) ?? "null");
  if (before === null) return;
  part("unfinished").hidden = false;
  part("unfinished").textContent = `Your last upload, into ${before.collection}, was not finished: ${number(before.left)} of ${number(before.files)} files were left. Choose the same folder again; what the archive has is not sent twice.`;
  for (const each of part("collection").options) if (each.value === before.collection) each.selected = true;
}

function takeChosen(input) {
  const list = [...input.files];
  input.value = "";
  if (list.length) take((found) => chosen(list, found));
}

remember();
for (const name of ["folder", "files"]) {
  part(`choose-${name}`).addEventListener("click", () => part(name).click());
  part(name).addEventListener("change", ({ target }) => takeChosen(target));
  takeChosen(part(name)); // chosen before this script was there
}
const zone = part("zone");
// Anywhere on the page: a browser would leave it for a file that is dropped beside the zone.
for (const name of ["dragover", "dragenter"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
}
addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) zone.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  const { items } = event.dataTransfer;
  const finding = [];
  const collecting = dropped(items, (file, path) => finding.push([file, path]));
  say("Reading the folder…");
  collecting.then(() => take(async (found) => finding.forEach(([file, path]) => found(file, path))));
});
part("pause").addEventListener("click", () => {
  upload.pause(!upload.paused);
  show();
});
part("download").addEventListener("click", downloadErrors);
addEventListener("offline", () => upload?.abort());
addEventListener("beforeunload", (event) => {
  if (upload?.running) event.preventDefault();
});
