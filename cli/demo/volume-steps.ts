import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesText } from '../../core/readable.ts';
import type { Details } from './report.ts';
import { broken, changedFiles, fileBytes, gatewayId, imageBytes, volumeId, type Scene } from './scene.ts';
import { blockHashes, buildImage, fsBlockBytes, type ImageFile } from './volume-image.ts';

export async function snapshot(scene: Scene): Promise<Details> {
  const { world } = scene;
  const gateway = gatewayId(scene, 'a');
  const path = join(world.dir, 'volume-a.img');
  const files = join(world.dir, 'files');
  scene.image = await buildImage(world.processes, files, path, imageBytes, fileBytes);
  await rm(files, { recursive: true });
  await world.send(gateway, 'volume.create', { volumeId, path });
  const first = (await world.send(gateway, 'snapshot.create', { volumeId })).outcome?.output;
  await changeFiles(scene, scene.image.files.slice(0, changedFiles));
  const second = (await world.send(gateway, 'snapshot.create', { volumeId })).outcome?.output;
  scene.hashes = await blockHashes(path);
  const [whole, increment] = [Number(first?.['uploadedBytes']), Number(second?.['uploadedBytes'])];
  if (!(increment > 0 && increment * 5 < whole))
    throw broken(`the second snapshot uploaded ${increment} bytes, the first ${whole}`);
  return {
    volume: `${volumeId}, ext4, ${bytesText(imageBytes)} with ${bytesText(fileBytes)} of this machine’s files`,
    'first snapshot': `${String(first?.['snapshotId'])}, ${bytesText(whole)} uploaded`,
    'second, incremental': `${String(second?.['snapshotId'])}, ${bytesText(increment)} uploaded`,
  };
}

/** Changes files in place, through the volume's own block server, as a mounted file system would. */
async function changeFiles({ world }: Scene, files: ImageFile[]): Promise<void> {
  const nbd = await world.nbd('a', volumeId);
  for (const file of files)
    for (const offset of file.offsetsBytes.slice(0, 64)) await nbd.write(offset, randomBytes(fsBlockBytes));
  await nbd.flush();
  nbd.close();
}

export async function crossCells(scene: Scene): Promise<Details> {
  const gateway = await scene.world.gateway(gatewayId(scene, 'a'));
  const other = gateway.connection.cellId === 'cell-1' ? 'cell-2' : 'cell-1';
  const command = await scene.world.send(gateway.gatewayId, 'probe', { echo: 'across' }, ['--via', other]);
  if (command.viaCellId !== other) throw broken(`the command did not come through ${other}`);
  if (command.outcome?.output?.['echo'] !== 'across') throw broken('the result is not the gateway’s answer');
  return {
    'held by': gateway.connection.cellId ?? '',
    'sent through': other,
    result: `${command.state}, “${command.outcome.output['echo']}” from agent ${String(command.outcome.output['agentVersion'])}`,
  };
}
