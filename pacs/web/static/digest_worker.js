// Reads files piece by piece beside the page, and answers with the digest of each.
import { Md5, hexadecimal } from "./md5.js";

const PIECE = 4 << 20;

onmessage = async ({ data: { number, file } }) => {
  try {
    const digest = new Md5();
    for (let place = 0; place < file.size; place += PIECE) {
      digest.update(new Uint8Array(await file.slice(place, place + PIECE).arrayBuffer()));
    }
    postMessage({ number, digest: hexadecimal(digest.digest()) });
  } catch {
    postMessage({ number, digest: "" });
  }
};
