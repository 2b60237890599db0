// SPDX-License-Identifier: MIT
// npm's ws as a client: `node ws_client.cjs URL [PROTOCOL]`, driven by tests/python/test_ws.py. Each line of standard input is one call,
// ["send", text], ["ping", text] or ["close", code, reason]; each line of standard output is what ws told, in that order. It ends with
// its connection.
"use strict";

const readline = require("node:readline");
const { WebSocket } = require("ws");

const [url, protocol] = process.argv.slice(2);
const say = (...words) => process.stdout.write(JSON.stringify(words) + "\n");
const calls = readline.createInterface({ input: process.stdin });
const socket = new WebSocket(url, protocol ? [protocol] : []); // it offers permessage-deflate by itself

socket.on("open", () => say("open", socket.protocol, socket.extensions));
socket.on("message", (data, isBinary) => say(isBinary ? "binary" : "text", data.toString(isBinary ? "base64" : "utf8")));
socket.on("pong", (data) => say("pong", data.toString()));
socket.on("error", (error) => say("error", error.message));
socket.on("close", (code, reason) => {
  say("close", code, reason.toString());
  calls.close();
  process.stdin.destroy();
});
calls.on("line", (line) => {
  const [verb, ...words] = JSON.parse(line);
  socket[verb](...words);
});
