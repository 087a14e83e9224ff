// An OPC UA server of the node-opcua stack whose variables count, for tests of the OPC UA client.
//
// Every variable counts by exactly one at every step, Int64 and Double in turn, each with the time of its step as source
// time. A step that comes late is made up for in order, never skipped. Prints `READY <endpoint> <namespace index>`; ends on
// SIGTERM or when standard input closes.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { MessageSecurityMode, SecurityPolicy } from "node-opcua-secure-channel";
import { OPCUAServer } from "node-opcua-server";
import { StatusCodes } from "node-opcua-status-code";
import { DataType, Variant, VariantArrayType } from "node-opcua-variant";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    nodes: { type: "string", default: "1000" },
    rate: { type: "string", default: "10" },
  },
});
const nodes = Number(options.nodes);
const stepMs = 1000 / Number(options.rate);

const pki = mkdtempSync(join(tmpdir(), "node-opcua-counter-"));
const certificates = new OPCUACertificateManager({ rootFolder: pki, automaticallyAcceptUnknownCertificate: true });
const server = new OPCUAServer({
  port: Number(options.port),
  hostname: "127.0.0.1",
  resourcePath: "/counters",
  serverCertificateManager: certificates,
  userCertificateManager: certificates,
  securityModes: [MessageSecurityMode.None],
  securityPolicies: [SecurityPolicy.None],
  allowAnonymous: true,
  // A client that is killed leaves its session until that times out.
  serverCapabilities: { maxSessions: 1000 },
});
let timer;
let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  clearTimeout(timer);
  await Promise.race([server.shutdown(0), new Promise((resolve) => setTimeout(resolve, 3000))]);
  rmSync(pki, { recursive: true, force: true });
  process.exit(0);
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
process.stdin.on("end", stop);
process.stdin.on("close", stop);
process.stdin.resume();

await server.initialize();

const space = server.engine.addressSpace;
const namespace = space.registerNamespace("urn:flyball:counters");
const folder = namespace.addFolder("ObjectsFolder", { browseName: "counters" });
const counters = [];
for (let number = 0; number < nodes; number += 1) {
  const dataType = number % 2 ? DataType.Double : DataType.Int64;
  const variable = namespace.addVariable({
    organizedBy: folder,
    browseName: `c${number}`,
    nodeId: `s=c${number}`,
    dataType,
    minimumSamplingInterval: 0,
  });
  counters.push({ variable, dataType });
}

const scalar = (dataType, value) => new Variant({ dataType, arrayType: VariantArrayType.Scalar, value });

function set(count, at) {
  const integer = scalar(DataType.Int64, [0, count]); // high and low word
  const double = scalar(DataType.Double, count);
  for (const { variable, dataType } of counters) {
    variable.setValueFromSource(dataType === DataType.Int64 ? integer : double, StatusCodes.Good, at);
  }
}

const begun = performance.now();
const begunAt = Date.now();
let done = 0;
set(done, new Date(begunAt));

function step() {
  if (Math.floor((performance.now() - begun) / stepMs) > done) {
    done += 1;
    set(done, new Date(begunAt + done * stepMs));
  }
  // One step a turn, so that subscriptions are served between two of them.
  timer = setTimeout(step, Math.max(0, begun + (done + 1) * stepMs - performance.now()));
}

await server.start();
step();
const port = server.endpoints[0].port;
process.stdout.write(`READY opc.tcp://127.0.0.1:${port}/counters ${namespace.index}\n`);
