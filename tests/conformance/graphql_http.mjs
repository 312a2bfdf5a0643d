// Runs every audit of graphql-http against a server: node graphql_http.mjs URL HEADERS_AS_JSON
// Prints one JSON object: the number of audits and those that did not pass.
import { serverAudits } from 'graphql-http';

const [url, headers] = [process.argv[2], JSON.parse(process.argv[3] ?? '{}')];
const fetchFn = (address, init = {}) => fetch(address, { ...init, headers: { ...init.headers, ...headers } });

const failed = [];
const audits = serverAudits({ url, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== 'ok') {
    const body = await result.response?.clone().text().catch(() => '');
    failed.push({ id: audit.id, name: audit.name, reason: result.reason, status: result.response?.status, body });
  }
}
console.log(JSON.stringify({ total: audits.length, failed }));
