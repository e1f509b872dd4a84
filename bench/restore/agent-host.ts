import { createInterface } from 'node:readline';
import { makeVolumeService } from '../../agent/volumes/volume-service.ts';
import { newS3Client } from '../../agent/s3/s3-client.ts';
import { openTransfers } from '../../agent/transfer/transfers.ts';

/**
 * An agent's volumes without its connection: what is measured is a restore command's way from here on. Lines on standard
 * input are requests, a line of output answers each.
 *
 *   node bench/restore/agent-host.ts STATE-DIRECTORY NBD-SOCKET
 */
const [directory = '', nbdSocket = ''] = process.argv.slice(2);
await using transfers = openTransfers(process.env);
const client = newS3Client(process.env);
const volumes = makeVolumeService({
  directory,
  nbdSocket,
  transfers,
  bucketFor: () => Promise.resolve({ client, bucket: 'bucket', prefix: 'vol/' }),
});
await volumes.start();
console.log('up');

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, volumeId = '', argument = '', size = ''] = line.split(' ');
  try {
    if (verb === 'create') await volumes.create({ volumeId, path: argument, sizeBytes: Number(size) });
    else if (verb === 'restore') await volumes.restore({ volumeId, snapshotId: argument, replace: true });
    else if (verb === 'cancel') await volumes.cancelRestore(volumeId);
    console.log('ok');
  } catch (thrown) {
    console.log(`failed: ${String(thrown)}`);
  }
}
await volumes.close();
