import { parseResponseHead, headBytesMax } from '../../agent/transfer/response-head.ts';
import { mustHold } from './must-hold.ts';
import type { FuzzTarget } from './targets.ts';

const head = (text: string): Buffer => Buffer.from(text.replaceAll('|', '\r\n'), 'latin1');

/** What an answer of S3 begins with, as whatever stands in its place may send it. */
export const responseHead: FuzzTarget = {
  name: 'response-head',
  corpus: [
    head('HTTP/1.1 206 Partial Content|Content-Length: 262144|Content-Range: bytes 0-262143/99||body'),
    head('HTTP/1.1 503 Slow Down|Transfer-Encoding: chunked|Connection: close||4|abcd|0||'),
    head('HTTP/1.0 200 OK|content-length:5|content-length: 5||abcde'),
    head('HTTP/1.1 103 Early Hints|link: x||HTTP/1.1 206 OK|content-length: 0||'),
  ],
  run: (bytes) => {
    const found = parseResponseHead(bytes);
    if (found === undefined || found === 'invalid') return;
    const { status, contentBytes, headBytes } = found;
    mustHold(headBytes <= Math.min(bytes.length, headBytesMax + 4), 'a head that is longer than what came');
    mustHold(bytes.toString('latin1', headBytes - 4, headBytes) === '\r\n\r\n', 'a head without its end');
    mustHold(status >= 100 && status <= 999, 'no status');
    mustHold(contentBytes === undefined || Number.isSafeInteger(contentBytes), 'no length');
    // As it comes: nothing is decided before all of it is there.
    for (let length = 0; length < headBytes; length += 7)
      mustHold(parseResponseHead(bytes.subarray(0, length)) === undefined, 'a part taken for the whole');
  },
};
