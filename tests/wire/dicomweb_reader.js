// Reads everything with the dicomweb-client of OHIF: node dicomweb_reader.js ROOT STUDY SERIES SOP. Prints JSON.
globalThis.XMLHttpRequest = require('xhr2');
const { api } = require('dicomweb-client');

const [root, study, series, sop] = process.argv.slice(2);
const client = new api.DICOMwebClient({ url: root });
const at = { studyInstanceUID: study, seriesInstanceUID: series, sopInstanceUID: sop };
const asPng = { ...at, mediaTypes: [{ mediaType: 'image/png' }] };
const sizes = (found) => found.map((each) => each.byteLength);

async function read() {
  const metadata = await client.retrieveSeriesMetadata(at);
  return {
    studies: (await client.searchForStudies({ queryParams: { PatientName: 'anna', fuzzymatching: true } })).length,
    series: (await client.searchForSeries({ studyInstanceUID: study })).length,
    instances: (await client.searchForInstances({ studyInstanceUID: study, seriesInstanceUID: series })).length,
    metadata: metadata.length,
    frames: sizes(await client.retrieveInstanceFrames({ ...at, frameNumbers: [1] })),
    instance: (await client.retrieveInstance(at)).byteLength,
    allOfSeries: sizes(await client.retrieveSeries(at)).length,
    allOfStudy: sizes(await client.retrieveStudy(at)).length,
    bulk: sizes([].concat(await client.retrieveBulkData({ BulkDataURI: metadata[0]['7FE00010'].BulkDataURI }))),
    picture: Array.from(new Uint8Array([].concat(await client.retrieveInstanceRendered(asPng))[0]).slice(1, 4)),
  };
}

read().then(
  (found) => console.log(JSON.stringify(found)),
  (error) => {
    console.log(JSON.stringify({ error: String(error.message || error), status: error.status }));
    process.exitCode = 1;
  },
);
