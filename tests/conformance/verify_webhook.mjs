// Verifies a delivery with the npm package of Standard Webhooks: {secret, headers, body} as JSON on standard input.
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

const { secret, headers, body } = JSON.parse(await text(process.stdin));
try {
  new Webhook(secret).verify(body, headers);
  console.log('verified');
} catch (error) {
  console.log(`refused: ${error.message}`);
}
