// Verifies a delivery: {secret, headers, body} as JSON on standard input. A whsec_ secret by the npm package of Standard
// Webhooks; a whpk_ public key, which that package does not know, by node's own ed25519.
import { createPublicKey, verify } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

const { secret, headers, body } = JSON.parse(await text(process.stdin));

function verifyAsymmetric() {
  const x = Buffer.from(secret.slice('whpk_'.length), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const content = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`);
  const parts = headers['webhook-signature'].split(' ').map((part) => part.split(','));
  const age = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp']));
  if (age > 300) throw new Error('timestamp');
  if (!parts.some(([version, value]) => version === 'v1a' && verify(null, content, key, Buffer.from(value, 'base64'))))
    throw new Error('no matching signature');
}

try {
  if (secret.startsWith('whpk_')) verifyAsymmetric();
  else new Webhook(secret).verify(body, headers);
  console.log('verified');
} catch (error) {
  console.log(`refused: ${error.message}`);
}
