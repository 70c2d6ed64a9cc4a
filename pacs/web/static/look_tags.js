// The table of an object's tags, sequences with their items.
import { BASE, text } from "./dicomweb.js";

let keywords = null;

function cellsOf(object, names, indent = "") {
  return Object.entries(object).flatMap(([tag, { vr, Value: all = [], BulkDataURI: bulk, InlineBinary: inline }]) => {
    const number = `${indent}(${tag.slice(0, 4)},${tag.slice(4)})`;
    const name = names[tag] ?? (parseInt(tag[3], 16) % 2 ? "private" : "");
    if (vr === "SQ") {
      const items = all.flatMap((item, index) => [
        [`${indent} item ${index + 1}`, "", "", ""],
        ...cellsOf(item, names, `${indent}  `),
      ]);
      return [[number, name, vr, ""], ...items];
    }
    const words = bulk ? "(bulk data)" : inline ? "(binary)" : text({ [tag]: { Value: all } }, tag);
    return [[number, name, vr, words]];
  });
}

const plain = (words) => words.toLowerCase().replace(/[(),\s]/g, "");

function rowOf(cells) {
  const row = document.createElement("tr");
  for (const words of cells) row.insertCell().textContent = words;
  return row;
}

// The rows of a table whose words hold `filter`.
export async function rowsOf(object, filter) {
  keywords ??= fetch(`${BASE}/look/keywords.json`).then((reply) => reply.json());
  const names = await keywords;
  return cellsOf(object, names)
    .filter((cells) => plain(cells.join(" ")).includes(plain(filter)))
    .map(rowOf);
}
