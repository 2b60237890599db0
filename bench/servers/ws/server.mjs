// SPDX-License-Identifier: MIT
// A peer of the benchmark (bench/README.md): Node.js (tried: 20.20) and npm's ws 8.23.0, as their users write a server of
// this kind.
//
//     node server.mjs [--deflate]
//
// Events: the loop over `clients` of ws's README ("Server broadcast"), which hands each client the same Buffer, so that the text is
// encoded once. ws has no channel between them: what a slow client does not take waits in its socket's memory, without a limit.
// permessage-deflate is off, which is ws's default and advice; `--deflate` turns it on with ws's own settings. Without bufferutil: ws's
// README calls it a legacy opt-in, and it masks and unmasks only, while a server's frames are not masked.
// Transactions: an array, and a timer for the batch. One thread, as Node.js has it.
import http from "node:http";
import readline from "node:readline";
import WebSocket, { WebSocketServer } from "ws";

const BODY_MAX = 64 * 1024;
const QUEUE = 65536;
const BATCH_MAX = 1024;
const TICK_MS = Number(process.env.MEMPOOL_BENCH_TICK_MS ?? 10);
const DEFLATE = process.argv.includes("--deflate");

// ---- events ----

function broadcast(text) {
  const data = Buffer.from(text);
  for (const client of sockets.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
  }
}

// ---- transactions ----

let queue = [];
let lastId = 0;

function push(body) {
  if (queue.length === QUEUE) return false;
  queue.push({ body, arrived: performance.now() });
  if (queue.length === 1) setTick();
  return true;
}

// A tick begins TICK_MS after its first transaction arrived.
function setTick() {
  const wait = queue[0].arrived + TICK_MS - performance.now();
  if (wait > 0) setTimeout(tick, wait);
  else setImmediate(tick);
}

function tick() {
  const batch = queue.length <= BATCH_MAX ? queue : queue.slice(0, BATCH_MAX);
  queue = queue.slice(batch.length);
  const applied = batch.filter(apply).length;
  broadcast(`batch applied ${applied}/${batch.length} txs`);
  if (queue.length > 0) setTick();
}

// What a host would do with a transaction. Here every one is good.
function apply(transaction) {
  return transaction.body.length <= BODY_MAX;
}

// ---- HTTP ----

function answer(response, status, words) {
  const body = JSON.stringify(words);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

function onRequest(request, response) {
  if (request.url !== "/tx" || request.method !== "POST") {
    answer(response, 404, { error: "not_found" });
    return;
  }
  const parts = [];
  let size = 0;
  request.on("data", (part) => {
    size += part.length;
    if (size <= BODY_MAX) parts.push(part);
  });
  request.on("end", () => {
    if (size > BODY_MAX) answer(response, 413, { error: "too_large" });
    else if (!push(parts.length === 1 ? parts[0] : Buffer.concat(parts))) answer(response, 503, { error: "full" });
    else answer(response, 202, { id: String(++lastId), status: "pending", durability: "memory" });
  });
}

// Node.js ends a connection that was idle for 5 s; the benchmark's clients wait for their turn longer than that.
const server = http.createServer({ keepAliveTimeout: 300_000 }, onRequest);
const sockets = new WebSocketServer({ server, path: "/ws/mempool", perMessageDeflate: DEFLATE });
sockets.on("connection", (socket) => {
  socket.on("error", () => {}); // it closes by itself; no logging
  socket.resume(); // what a client says is of no interest here; its pings are answered
});
server.listen(0, "127.0.0.1", 4096, () => console.log(`listening ${server.address().port}`));

// ---- what the driver asks for on standard input, a command a line, each after the other; its end is ours ----

// Event `number`: its number, and filler up to `size` bytes.
function event(number, size) {
  const head = `e${String(number).padStart(12, "0")} `;
  return head.padEnd(size, String.fromCharCode(97 + (number % 26)));
}

async function flood(seconds, size, first) {
  const end = performance.now() + seconds * 1000;
  let number = first;
  while (performance.now() < end) {
    for (let i = 0; i < 16; i++) broadcast(event(number++, size));
    await new Promise(setImmediate); // the event loop's turn
  }
  return number - first;
}

async function obey() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [verb, ...words] = line.trim().split(/\s+/);
    const [amount, size, first] = words.map(Number);
    if (verb === "publish" && first >= 0 && amount >= 0) {
      for (let number = first; number < first + amount; number++) broadcast(event(number, size));
      console.log(`published ${amount}`);
    } else if (verb === "flood" && first >= 0 && amount >= 0) {
      console.log(`flooded ${await flood(amount, size, first)}`);
    } else {
      console.log("unsupported");
    }
  }
}

await obey();
process.exit(0);
