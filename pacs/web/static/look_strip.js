// The strip of series: images first, then what was found in them, then what has no picture.
const WITHOUT_PICTURE = new Set(["RTSTRUCT", "RTPLAN", "RTRECORD", "REG", "FID", "KO", "AU", "ECG", "HD", "EPS", "PLAN", "SMR", "SR", "DOC", "PR", "ANN", "CDA"]);
const RESULTS = new Set(["SEG", "RTDOSE", "RWV", "SR", "DOC"]); // after the images that they are about, before the rest

export const rank = ({ modality }) => (RESULTS.has(modality) ? 1 : WITHOUT_PICTURE.has(modality) ? 2 : 0);

// The button of a series, with its thumbnail where it has one.
export function buttonOf(one, thumbnail, choose) {
  const button = document.createElement("button");
  const thumb = document.createElement("span");
  thumb.className = "thumb";
  thumb.ariaHidden = "true";
  if (WITHOUT_PICTURE.has(one.modality)) {
    thumb.textContent = one.modality;
  } else {
    const image = new Image();
    image.loading = "lazy";
    image.alt = "";
    image.src = thumbnail;
    image.onerror = () => thumb.replaceChildren(one.modality);
    thumb.append(image);
  }
  const name = document.createElement("small");
  name.className = "name";
  name.textContent = one.name || "(no description)";
  const facts = document.createElement("small");
  facts.textContent = `${one.modality} · ${one.count}`;
  button.title = one.name;
  button.append(thumb, name, facts);
  button.onclick = choose;
  return button;
}
