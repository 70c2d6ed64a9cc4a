// MD5 (RFC 1321) of data that comes in pieces: the digest by which the archive recognises a file. No secret depends on it.
const SINES = Int32Array.from({ length: 64 }, (_, n) => Math.floor(Math.abs(Math.sin(n + 1)) * 2 ** 32));

function turned(b, sum, shift) {
  return (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
}

export class Md5 {
  constructor() {
    this.state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
    this.rest = new Uint8Array(64);
    this.held = 0;
    this.length = 0;
    this.words = new Int32Array(16);
  }

  update(bytes) {
    this.length += bytes.length;
    let place = 0;
    if (this.held) {
      place = Math.min(64 - this.held, bytes.length);
      this.rest.set(bytes.subarray(0, place), this.held);
      this.held += place;
      if (this.held < 64) return this;
      this.block(this.rest, 0);
      this.held = 0;
    }
    for (; place + 64 <= bytes.length; place += 64) this.block(bytes, place);
    this.rest.set(bytes.subarray(place));
    this.held = bytes.length - place;
    return this;
  }

  // The digest as bytes; nothing may follow.
  digest() {
    const end = new Uint8Array(this.held < 56 ? 64 : 128);
    end.set(this.rest.subarray(0, this.held));
    end[this.held] = 0x80;
    const view = new DataView(end.buffer);
    view.setUint32(end.length - 8, (this.length % 2 ** 29) * 8, true);
    view.setUint32(end.length - 4, Math.floor(this.length / 2 ** 29), true);
    for (let place = 0; place < end.length; place += 64) this.block(end, place);
    return new Uint8Array(Int32Array.from(this.state).buffer);
  }

  block(bytes, place) {
    const words = this.words;
    for (let n = 0; n < 16; n++, place += 4) {
      words[n] = bytes[place] | (bytes[place + 1] << 8) | (bytes[place + 2] << 16) | (bytes[place + 3] << 24);
    }
    let a = this.state[0], b = this.state[1], c = this.state[2], d = this.state[3];
    // Four rounds of sixteen steps, four steps a turn, so that the four words need not change places.
    for (let n = 0; n < 16; n += 4) {
      a = turned(b, a + ((b & c) | (~b & d)) + SINES[n] + words[n], 7);
      d = turned(a, d + ((a & b) | (~a & c)) + SINES[n + 1] + words[n + 1], 12);
      c = turned(d, c + ((d & a) | (~d & b)) + SINES[n + 2] + words[n + 2], 17);
      b = turned(c, b + ((c & d) | (~c & a)) + SINES[n + 3] + words[n + 3], 22);
    }
    for (let n = 16; n < 32; n += 4) {
      a = turned(b, a + ((d & b) | (~d & c)) + SINES[n] + words[(5 * n + 1) & 15], 5);
      d = turned(a, d + ((c & a) | (~c & b)) + SINES[n + 1] + words[(5 * n + 6) & 15], 9);
      c = turned(d, c + ((b & d) | (~b & a)) + SINES[n + 2] + words[(5 * n + 11) & 15], 14);
      b = turned(c, b + ((a & c) | (~a & d)) + SINES[n + 3] + words[(5 * n + 16) & 15], 20);
    }
    for (let n = 32; n < 48; n += 4) {
      a = turned(b, a + (b ^ c ^ d) + SINES[n] + words[(3 * n + 5) & 15], 4);
      d = turned(a, d + (a ^ b ^ c) + SINES[n + 1] + words[(3 * n + 8) & 15], 11);
      c = turned(d, c + (d ^ a ^ b) + SINES[n + 2] + words[(3 * n + 11) & 15], 16);
      b = turned(c, b + (c ^ d ^ a) + SINES[n + 3] + words[(3 * n + 14) & 15], 23);
    }
    for (let n = 48; n < 64; n += 4) {
      a = turned(b, a + (c ^ (b | ~d)) + SINES[n] + words[(7 * n) & 15], 6);
      d = turned(a, d + (b ^ (a | ~c)) + SINES[n + 1] + words[(7 * n + 7) & 15], 10);
      c = turned(d, c + (a ^ (d | ~b)) + SINES[n + 2] + words[(7 * n + 14) & 15], 15);
      b = turned(c, b + (d ^ (c | ~a)) + SINES[n + 3] + words[(7 * n + 21) & 15], 21);
    }
    this.state[0] = (this.state[0] + a) | 0;
    this.state[1] = (this.state[1] + b) | 0;
    this.state[2] = (this.state[2] + c) | 0;
    this.state[3] = (this.state[3] + d) | 0;
  }
}

export function hexadecimal(bytes) {
  return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
}
