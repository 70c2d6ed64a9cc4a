// Files of what was chosen or dropped, folders and all below them.
const LONGEST_TURN_MS = 30;
const LEFT_OUT = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

// `found` is called with each file and its path below what was dropped, with null for what cannot be read; returns when
// all were found.
export async function dropped(items, found) {
  const entries = Array.from(items, (each) => each.webkitGetAsEntry?.()).filter(Boolean); // they are gone after a pause
  for (const entry of entries) await walk(entry, found);
}

// To ask a chosen file for its size takes the browser a moment each: the page must live between them.
export async function chosen(list, found) {
  let since = performance.now();
  for (const file of list) {
    if (!LEFT_OUT.test(file.name)) found(file, file.webkitRelativePath || file.name);
    if (performance.now() - since > LONGEST_TURN_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      since = performance.now();
    }
  }
}

async function walk(entry, found) {
  if (LEFT_OUT.test(entry.name)) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    found(file, entry.fullPath.replace(/^\//, ""));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve(null)));
    if (some === null) found(null, `${entry.fullPath.replace(/^\//, "")}/`);
    if (!some?.length) return;
    for (const each of some) await walk(each, found);
  }
}
