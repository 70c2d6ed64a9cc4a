// Stores a file twice and searches, with the dicomweb-client of OHIF: node dicomweb_peer.js ROOT AUTHORIZATION FILE.
global.XMLHttpRequest = require('xhr2');
const fs = require('fs');
const { api } = require('dicomweb-client');

const [url, authorization, file] = process.argv.slice(2);
const client = new api.DICOMwebClient({ url, headers: { Authorization: authorization } });
const data = fs.readFileSync(file);
const dataset = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);

(async () => {
  const answer = await client.storeInstances({ datasets: [dataset, dataset] });
  const studies = await client.searchForStudies();
  console.log(JSON.stringify({ stored: JSON.parse(answer), studies }));
})().catch((error) => {
  console.error(error.message, error.response);
  process.exit(1);
});
