// node subscriptions.mjs URL KEY: the clients that front-ends use (graphql-ws, graphql-sse) follow the events of a
// running service. Prints one JSON object of what each of them got.
import { createClient as overSocket } from 'graphql-ws';
import { createClient as overEvents } from 'graphql-sse';
import WebSocket from 'ws';

const [, , url, key] = process.argv;
const authorization = `Bearer ${key}`;
const QUERY = 'subscription { events(types: ["account.created"]) { type cursor data } }';

async function create(name) {
  const answer = await fetch(`${url}/v1/accounts`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}

// Follows until `wanted` events came; makes an account again and again until the first is told: a subscription says
// nothing when it has begun.
function follow(client, prefix, wanted) {
  return new Promise((resolve, reject) => {
    const told = [];
    let number = 0;
    const maker = setInterval(() => create(`${prefix} ${number++}`).catch(reject), 100);
    const stop = client.subscribe(
      { query: QUERY },
      {
        next(result) {
          told.push(result.data.events.data.account.name);
          if (told.length === wanted) {
            clearInterval(maker);
            stop();
            resolve(told);
          }
        },
        error: reject,
        complete() {},
      },
    );
  });
}

function once(client, query) {
  return new Promise((resolve) => {
    let value = null;
    client.subscribe(
      { query },
      {
        next: (result) => (value = result.data),
        error: (problem) => resolve({ error: Array.isArray(problem) ? problem[0].extensions.code : String(problem) }),
        complete: () => resolve(value),
      },
    );
  });
}

const socket = overSocket({
  url: url.replace('http', 'ws') + '/graphql',
  webSocketImpl: WebSocket,
  connectionParams: { Authorization: authorization },
  retryAttempts: 0,
});
const events = overEvents({ url: `${url}/graphql`, headers: { authorization }, retryAttempts: 0 });
const stranger = overSocket({
  url: url.replace('http', 'ws') + '/graphql',
  webSocketImpl: WebSocket,
  connectionParams: { Authorization: 'Bearer kam_nobody' },
  retryAttempts: 0,
});
const refused = await new Promise((resolve) => {
  stranger.subscribe({ query: '{ me { id } }' }, { next() {}, error: (e) => resolve(e.code), complete() {} });
});
console.log(
  JSON.stringify({
    socket: await follow(socket, 'Socket', 3),
    socketQuery: await once(socket, '{ me { name } }'),
    socketBad: await once(socket, 'subscription { nothing }'),
    events: await follow(events, 'Events', 3),
    eventsQuery: await once(events, '{ me { name } }'),
    refused,
  }),
);
await socket.dispose();
events.dispose();
process.exit(0);
