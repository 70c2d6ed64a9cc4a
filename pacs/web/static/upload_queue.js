// The way of each file: its digest, whether the archive has it, sending, and what became of it. It knows no page.
import { BASE } from "./dicomweb.js";

export const WAITING = 0, STORED = 1, HERE = 2, COPY = 3, FAILED = 4; // what is known of each file
const WORKERS = 2, SENDERS = 4, ASKED_AT_ONCE = 500, AHEAD = 400, STALLED_MS = 90_000, LONGEST_WAIT_S = 30, TRIES = 3;
const REASONS = {
  0x0122: "The archive does not take this kind of object.",
  0xc122: "The archive does not take this transfer syntax.",
  0xa900: "The object contradicts itself: its identifiers differ.",
  0xc000: "This is no DICOM object, or a broken one.",
  0x0110: "The archive could not store it; tell its operator.",
};

const rest = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

class Passing extends Error {} // trying again may help
class Stopped extends Error {} // somebody has to do something first; the message says what
const SIGNED_OUT = "You are signed out. Sign in again in another tab, then resume.";
const CHANGED = "The file was changed or taken away after it was chosen. Choose it again.";
const NOT_ALLOWED = "You may not send to this collection.";

export class Upload {
  constructor(collection) {
    this.collection = collection;
    this.files = []; // { file, path, digest, state, error }
    this.counts = [0, 0, 0, 0, 0];
    this.bytes = 0; // of all files
    this.doneBytes = 0;
    this.errors = []; // numbers of files
    this.trouble = ""; // why nothing goes on at present
    this.paused = false;
    this.running = false;
    this.next = 0; // the first file without a digest
    this.digested = [];
    this.ready = []; // to be sent
    this.open = 0; // files between digest and end
    this.byDigest = new Map();
    this.requests = new Set();
    this.sleeping = []; // until it is resumed
  }

  add(file, path) {
    this.files.push({ file, path, digest: "", state: WAITING, error: "" });
    this.bytes += file?.size ?? 0;
  }

  get left() {
    return this.counts.reduce((sum, each, state) => (state === WAITING ? sum : sum - each), this.files.length);
  }

  pause(paused) {
    this.paused = paused;
    this.trouble = "";
    const woken = this.sleeping;
    this.sleeping = [];
    woken.forEach((resolve) => resolve());
  }

  // The network went: what is under way will never be answered.
  abort() {
    for (const each of this.requests) each.abort();
  }

  // Returns when every file has its end.
  async run() {
    this.running = true;
    const workers = Array.from({ length: WORKERS }, () => new Worker(`${BASE}/static/digest_worker.js`, { type: "module" }));
    try {
      await Promise.all([...workers.map((each) => this.digest(each)), this.ask(), ...Array.from({ length: SENDERS }, () => this.send())]);
    } finally {
      workers.forEach((each) => each.terminate());
      this.running = false;
    }
  }

  async turn(seconds = 0.05) {
    return this.paused ? new Promise((resolve) => this.sleeping.push(resolve)) : rest(seconds);
  }

  async digest(worker) {
    while (this.working) {
      if (this.paused || this.next === this.files.length || this.ready.length + this.digested.length > AHEAD) {
        await this.turn();
        continue;
      }
      const number = this.next++;
      const { file } = this.files[number];
      this.open++;
      if (!file?.size) {
        this.end(number, FAILED, file ? "The file is empty." : "It could not be read.");
        continue;
      }
      const answer = await new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = () => resolve({ digest: "" });
        worker.postMessage({ number, file });
      });
      if (!answer.digest) {
        this.end(number, FAILED, CHANGED);
        continue;
      }
      this.files[number].digest = answer.digest;
      if (this.byDigest.has(answer.digest)) this.end(number, COPY);
      else {
        this.byDigest.set(answer.digest, number);
        this.digested.push(number);
      }
    }
  }

  get working() {
    return this.next < this.files.length || this.open > 0;
  }

  async ask() {
    while (this.working) {
      if (this.paused || !this.digested.length) {
        await this.turn(0.02);
        continue;
      }
      const some = this.digested.splice(0, ASKED_AT_ONCE);
      const states = await this.known(some.map((number) => this.files[number].digest));
      some.forEach((number, place) => (states[place] ? this.end(number, HERE) : this.ready.push(number)));
    }
  }

  // What became of files by their digests: null for those that the archive does not have. Asks until it is answered.
  async known(digests) {
    for (let tries = 1; ; tries++) {
      try {
        const reply = await fetch(`${BASE}/api/known-files`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ collection: this.collection, md5: digests }),
        });
        if (reply.status === 401) throw new Stopped(SIGNED_OUT);
        if (reply.status === 403 || reply.status === 404) throw new Stopped(NOT_ALLOWED);
        if (!reply.ok) throw new Passing();
        this.trouble = "";
        return (await reply.json()).states;
      } catch (error) {
        await this.wait(error, tries);
      }
    }
  }

  async send() {
    while (this.working) {
      if (this.paused || !this.ready.length) {
        await this.turn(0.02);
        continue;
      }
      await this.sendOne(this.ready.shift());
    }
  }

  async sendOne(number) {
    const { file, digest } = this.files[number];
    for (let tries = 1; ; tries++) {
      try {
        const fault = await this.post(file, digest);
        this.trouble = "";
        return fault ? this.end(number, FAILED, fault) : this.end(number, STORED);
      } catch (error) {
        if (error instanceof Passing && error.message && tries >= TRIES) return this.end(number, FAILED, error.message);
        if (!(await isReadable(file))) return this.end(number, FAILED, CHANGED);
        await this.wait(error, tries);
        // The answer may have been lost, and not the file.
        if ((await this.known([digest]))[0]) return this.end(number, STORED);
      }
    }
  }

  async wait(error, tries) {
    if (error instanceof Stopped) {
      this.trouble = error.message;
      this.paused = true;
      return this.turn();
    }
    const seconds = Math.min(2 ** (tries - 1), LONGEST_WAIT_S);
    this.trouble = navigator.onLine ? "The archive does not answer, or has no room. It is asked again every few seconds." : "There is no network. It goes on by itself.";
    await rest(seconds);
    return this.paused ? this.turn() : undefined;
  }

  // "" when it was taken, else why not. Throws what may pass.
  post(file, digest) {
    const request = new XMLHttpRequest();
    const bytes = digest.match(/../g).map((each) => Number.parseInt(each, 16));
    request.open("POST", `${BASE}/dicom-web/studies?collection=${encodeURIComponent(this.collection)}`);
    request.setRequestHeader("Content-Type", "application/dicom");
    request.setRequestHeader("Accept", "application/dicom+json");
    request.setRequestHeader("Content-MD5", btoa(String.fromCharCode(...bytes)));
    this.requests.add(request);
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), STALLED_MS);
    };
    request.upload.onprogress = alive;
    return new Promise((resolve, reject) => {
      request.onload = () => {
        try {
          resolve(verdict(request));
        } catch (error) {
          reject(error);
        }
      };
      request.onerror = request.onabort = () => reject(new Passing());
      alive();
      request.send(file);
    }).finally(() => {
      clearTimeout(timer);
      this.requests.delete(request);
    });
  }

  end(number, state, error = "") {
    const file = this.files[number];
    file.state = state;
    file.error = error;
    this.counts[state]++;
    this.doneBytes += file.file?.size ?? 0;
    this.open--;
    file.file = null; // 20,000 handles are memory too
    if (error) this.errors.push(number);
  }
}

// A browser gives no file that was changed or taken away after it was chosen; its request just breaks off.
function isReadable(file) {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}

function verdict(request) {
  const { status } = request;
  if (status === 200) return "";
  if (status === 401) throw new Stopped(SIGNED_OUT);
  if (status === 403 || status === 404) return NOT_ALLOWED;
  if (status === 413) return "The file is larger than the archive takes.";
  if (status === 400) throw new Passing("The file arrived broken three times. It may have changed, or the network breaks it.");
  if (status === 409) {
    const item = JSON.parse(request.responseText || "{}")["00081198"]?.Value?.[0];
    const reason = item?.["00081197"]?.Value?.[0];
    return REASONS[reason] ?? "The archive did not take it.";
  }
  throw new Passing();
}
