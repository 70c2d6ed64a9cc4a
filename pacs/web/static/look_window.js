// Window and level: center and width of the values that are shown from black to white. PS3.3 C.11.2.1.2.
import { values } from "./dicomweb.js";

export const short = (number) => Number(number.toPrecision(4));

// As the parameter `window` of a rendered resource. PS3.18 8.3.5.1.4.
export const asked = (window) => (window ? `${short(window.center)},${short(window.width)},linear-exact` : "");

function facts(object) {
  const number = (tag, otherwise) => Number(values(object, tag)[0] ?? otherwise);
  return { slope: number("00281053", 1), intercept: number("00281052", 0), bits: number("00280101", 8), signed: number("00280103", 0) };
}

// All values that the object's pixels could have.
function possible({ slope, intercept, bits, signed }) {
  const least = signed ? -(2 ** (bits - 1)) : 0;
  return [least * slope + intercept, (least + 2 ** bits) * slope + intercept];
}

const between = (low, high) => ({ center: (low + high) / 2, width: high - low });

// The object's own window, else all possible values.
export function named(object) {
  const center = Number(values(object, "00281050")[0]);
  const width = Number(values(object, "00281051")[0]);
  return Number.isFinite(center) && width > 0 ? { center, width } : between(...possible(facts(object)));
}

// From the darkest to the brightest of a picture: narrowed twice, since a picture has 256 levels only.
export async function fitted(object, addressOf) {
  let [low, high] = possible(facts(object));
  for (let round = 0; round < 2; round += 1) {
    const levels = await levelsOf(addressOf(between(low, high)));
    const part = (share) => levels[Math.floor(levels.length * share)];
    const step = (high - low) / 255;
    [low, high] = [low + step * Math.max(part(0.005) - 1, 0), low + step * (part(0.999) + 1)];
  }
  return between(low, high);
}

async function levelsOf(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((_, index) => index % 4 === 1).sort();
}
