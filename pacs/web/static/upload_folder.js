// Files of what was chosen or dropped, folders and all below them.
const LEFT_OUT = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

// `found` is called with each file and its path below what was dropped; returns when all were found.
export async function dropped(items, found) {
  const entries = Array.from(items, (each) => each.webkitGetAsEntry?.()).filter(Boolean); // they are gone after a pause
  for (const entry of entries) await walk(entry, found);
}

export function chosen(list, found) {
  for (const file of list) {
    if (!LEFT_OUT.test(file.name)) found(file, file.webkitRelativePath || file.name);
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
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const each of some) await walk(each, found);
  }
}
