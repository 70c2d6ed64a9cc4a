// The study list: what QIDO-RS finds for the caller, a page after the other.
import { BASE, date, get, text } from "./dicomweb.js";

const PAGE = 50;
const form = document.getElementById("filters");
const table = document.getElementById("studies");
const said = document.getElementById("said");
const more = document.getElementById("more");
const { collection, viewer } = table.dataset;
let shown = 0;
let asked = 0;

function parameters() {
  const found = { limit: String(PAGE + 1), offset: String(shown), includefield: "StudyDescription", collection };
  for (const [name, value] of new FormData(form)) {
    const plain = value.trim();
    if (!plain) continue;
    found[name] = ["StudyDate", "ModalitiesInStudy"].includes(name) || /[*?]/.test(plain) ? plain : `*${plain}*`;
  }
  return found;
}

function cell(row, content, kind = "") {
  const made = row.insertCell();
  made.className = kind;
  made.append(content);
}

function link(address, words) {
  const made = document.createElement("a");
  made.href = address;
  made.textContent = words;
  return made;
}

function show(study) {
  const row = table.tBodies[0].insertRow();
  const uid = text(study, "0020000D");
  const suffix = collection ? `?collection=${encodeURIComponent(collection)}` : "";
  cell(row, link(`${BASE}/look/${uid}${suffix}`, text(study, "00100020") || "(no id)"), "nowrap");
  cell(row, date(study, "00080020"), "nowrap");
  cell(row, text(study, "00081030"), "whole");
  cell(row, text(study, "00080061"));
  cell(row, text(study, "00201206"), "number");
  cell(row, text(study, "00201208"), "number");
  cell(row, viewer ? link(`${BASE}/viewer/viewer?StudyInstanceUIDs=${uid}`, "OHIF") : "", "large");
}

async function search(again) {
  const turn = ++asked;
  if (again) shown = 0;
  said.textContent = "Searching…";
  try {
    const found = await get("/studies", parameters());
    if (turn !== asked) return;
    if (again) table.tBodies[0].replaceChildren();
    found.slice(0, PAGE).forEach(show);
    shown += Math.min(found.length, PAGE);
    table.hidden = shown === 0;
    more.hidden = found.length <= PAGE;
    said.textContent = shown === 0 ? "No study was found." : `${shown} ${shown === 1 ? "study" : "studies"}${more.hidden ? "" : " so far"}`;
  } catch (error) {
    said.textContent = error.message;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search(true);
});
more.addEventListener("click", () => search(false));
search(true);
