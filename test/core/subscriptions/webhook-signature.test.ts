import { createHmac, randomBytes } from 'node:crypto';
import {
  liveSecrets,
  newWebhookSecret,
  rotated,
  secretOverlapMs,
  signatureHeaders,
} from '../../../core/subscriptions/webhook-signature.ts';

/** Of the Standard Webhooks project: what every library of it is tested with. */
const known = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  message: { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampSec: 1_614_265_330, body: '{"test": 2432232314}' },
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

test('signs as Standard Webhooks does', () => {
  expect(signatureHeaders(known.message, [known.secret])).toEqual({
    'webhook-id': known.message.id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': known.signature,
  });
});

test('signs once with each secret in force, the newest first', () => {
  const other = newWebhookSecret(randomBytes);
  const { 'webhook-signature': both } = signatureHeaders(known.message, [other, known.secret]);
  const key = Buffer.from(other.replace('whsec_', ''), 'base64');
  expect(key).toHaveLength(32);
  const { id, timestampSec, body } = known.message;
  const mac = createHmac('sha256', key).update(`${id}.${timestampSec}.${body}`).digest('base64');
  expect(both).toBe(`v1,${mac} ${known.signature}`);
});

test('the secret that was replaced goes on for a day, and only the one before the newest', () => {
  const first = [{ sealed: 'a', createdAt: 0 }];
  const second = rotated(first, 'b', 1_000);
  expect(liveSecrets(second, 1_000).map(({ sealed }) => sealed)).toEqual(['b', 'a']);
  expect(liveSecrets(second, 1_000 + secretOverlapMs).map(({ sealed }) => sealed)).toEqual(['b']);
  expect(rotated(second, 'c', 2_000).map(({ sealed }) => sealed)).toEqual(['c', 'b']);
});
