// DICOMweb as the pages of the quick look ask it.
// A proxy may put all of our addresses below a path of its own: this file knows where it came from.
export const BASE = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const ROOT = `${BASE}/dicom-web`;

export class Missing extends Error {}

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ""));
  const reply = await fetch(`${ROOT}${path}?${query}`, { headers: { Accept: "application/dicom+json" } });
  if (reply.status === 404) throw new Missing("There is no such study, or you may not see it.");
  if (!reply.ok) {
    const said = await reply.json().catch(() => ({}));
    throw new Error(said.error ?? "The server did not answer as expected.");
  }
  return reply.json();
}

export function address(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "")).toString();
  return `${ROOT}${path}${query ? `?${query}` : ""}`;
}

export function values(object, tag) {
  return object[tag]?.Value ?? [];
}

export function text(object, tag) {
  const all = values(object, tag).map((each) => (each !== null && typeof each === "object" ? (each.Alphabetic ?? "") : String(each ?? "")));
  return all.join(", ");
}

export function date(object, tag) {
  const value = text(object, tag);
  return /^\d{8}$/.test(value) ? `${value.slice(0, 4)}-${value.slice(4, 6)}-${value.slice(6)}` : value;
}
