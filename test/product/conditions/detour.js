import { Socket } from 'node:net';
import process from 'node:process';

/**
 * Loaded into an agent's process before its own code. HOLDFAST_TEST_DETOUR=FROM:TO leads its connections to a port of
 * this machine over another one; HOLDFAST_TEST_CLOCK_MS puts its clock off.
 */
const [from, to] = (process.env.HOLDFAST_TEST_DETOUR ?? '').split(':').map(Number);
const connect = Socket.prototype.connect;
Socket.prototype.connect = function (...args) {
  // Node's own callers hand over a list: the options and the callback.
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (from && typeof options === 'object' && Number(options.port) === from) options.port = to;
  return connect.apply(this, args);
};

const offMs = Number(process.env.HOLDFAST_TEST_CLOCK_MS ?? 0);
const now = Date.now.bind(Date);
if (offMs !== 0) Date.now = () => now() + offMs;
