// A peer made of dcmjs-dimse: node dcmjs_peer.js ACTION PORT [argument ...]. Prints one JSON line an event.
const { Client, Dataset, Server, Scp, requests, responses, constants } = require('dcmjs-dimse');
const { Status, PresentationContextResult, SopClass, TransferSyntax } = constants;

const [action, port, ...rest] = process.argv.slice(2);
const say = (value) => console.log(JSON.stringify(value));

function storeResponse(request) {
  const elements = request.getDataset().getElements();
  say({ stored: elements.SOPInstanceUID, syntax: request.getDataset().getTransferSyntaxUid() });
  const response = responses.CStoreResponse.fromRequest(request);
  response.setStatus(Status.Success);
  return response;
}

class StorageScp extends Scp {
  associationRequested(association) {
    const contexts = association.getPresentationContexts();
    for (const { id } of contexts) {
      const context = association.getPresentationContext(id);
      const syntaxes = context.getTransferSyntaxUids();
      const wanted = [TransferSyntax.ExplicitVRLittleEndian, TransferSyntax.ImplicitVRLittleEndian];
      const chosen = wanted.find((each) => syntaxes.includes(each));
      if (chosen) context.setResult(PresentationContextResult.Accept, chosen);
      else context.setResult(PresentationContextResult.RejectTransferSyntaxesNotSupported);
    }
    this.sendAssociationAccept();
  }
  cStoreRequest(request, callback) {
    callback(storeResponse(request));
  }
  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

function serve() {
  const server = new Server(StorageScp);
  server.on('networkError', () => {});
  server.listen(Number(port));
  say({ listening: Number(port) });
}

function request() {
  switch (action) {
    case 'echo':
      return new requests.CEchoRequest();
    case 'store':
      return new requests.CStoreRequest(rest[0]);
    case 'find':
      return requests.CFindRequest.createStudyFindRequest(JSON.parse(rest[0]));
    case 'get':
      return requests.CGetRequest.createStudyGetRequest(rest[0]);
    case 'move':
      return requests.CMoveRequest.createStudyMoveRequest(rest[1], rest[0]);
  }
  throw new Error(`no action ${action}`);
}

function call() {
  const client = new Client();
  const asked = request();
  asked.on('response', (response) => {
    const answer = { status: response.getStatus() };
    if (response.hasDataset()) answer.row = response.getDataset().getElements();
    if (response.getCompleted) answer.completed = response.getCompleted();
    say(answer);
  });
  client.on('cStoreRequest', (incoming, callback) => callback(storeResponse(incoming)));
  client.on('networkError', (error) => {
    say({ error: String(error) });
    process.exitCode = 1;
  });
  client.addRequest(asked);
  client.send('127.0.0.1', Number(port), 'DCMJS', 'TRIALPACS');
}

if (action === 'serve') serve();
else call();
