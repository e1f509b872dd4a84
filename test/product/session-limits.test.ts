import { readFileSync } from 'node:fs';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { bundleName, diagnosticsFolder } from '../../core/diagnostics.ts';
import type { CredentialPurpose } from '../../core/messages.ts';
import { keys } from '../../core/snapshot/names.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { operatorApi } from '../support/operator-api.ts';
import { activateGateway, connect, type TestConnection, type TestGateway } from '../support/test-gateway.ts';

/**
 * What an S3 session of each purpose can do, tried at the front that enforces the synthesized role and the session's
 * policy: every action in every place, held to the table in docs/protocol.md.
 */
let cloud: TestCloud;
let root: S3Client;
let connection: TestConnection;
let gateway: TestGateway;
let bucket: string;

beforeAll(async () => {
  cloud = await startLocalCloud();
  const home = cloud.urls['holdfast-home']!;
  bucket = home['SnapshotBucketName']!;
  root = clientOf(cloud.rootCredentials);
  const api = operatorApi(cloud);
  const { code } = await api.call('createActivationCode', { body: {} });
  gateway = await activateGateway(home['ApiUrl']!, code);
  connection = await connect(gateway, 'cell-1', 'j1');
}, 180_000);
afterAll(async () => {
  connection?.close();
  root?.destroy();
  await cloud?.stop();
});

const clientOf = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) =>
  new S3Client({
    credentials,
    endpoint: cloud.endpoints['holdfast-home'],
    region: cloud.region,
    forcePathStyle: true,
    maxAttempts: 1,
  });

/** The volume and snapshot that a session is for, if any; others' names begin like theirs, as a prefix would have it. */
const purposes: CredentialPurpose[] = [
  { kind: 'snapshot', volumeId: 'v1' },
  { kind: 'restore', volumeId: 'v1', snapshotId: 's1' },
  { kind: 'delete', volumeId: 'v1', snapshotId: 's1' },
  { kind: 'diagnostics' },
];
/** What there is of a volume, below its prefix. */
const ofVolume: Record<string, string> = {
  pack: 'packs/s1/p',
  page: 'pages/s1/p',
  root: keys.root('s1'),
  'hot list': keys.hot('s1'),
  intent: keys.intent('s1', 'open'),
  'intent of another snapshot': keys.intent('s10', 'open'),
  pin: keys.pin('s1', 'p'),
  'pin of another snapshot': keys.pin('s10', 'p'),
  tombstone: keys.tombstone('s1'),
  'something unknown': 'something',
};
const everyPlace = [...Object.keys(ofVolume), 'a way out of the volume'];
/** The words of the page → the places that they mean. */
const words: Record<string, string[]> = {
  'the volume': everyPlace,
  intents: ['intent', 'intent of another snapshot'],
  pins: ['pin', 'pin of another snapshot'],
  'pins of the snapshot': ['pin'],
  tombstones: ['tombstone'],
  roots: ['root'],
  '`diagnostics/TENANT/GATEWAY/`': ['bundle', 'a way out of the bundles'],
  'where [bundles] are': [],
  '–': [],
};

type Right = 'read' | 'list' | 'write' | 'delete';
interface Row {
  purpose: string;
  may: Record<Right, string[]>;
}
/** The table of the page. Throws at a word that it does not know. */
function pageRows(): Row[] {
  const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^\| `(\w+)` +\|(.*)\|(.*)\|(.*)\|$/gm)]
    .filter(([, kind]) => purposes.some((purpose) => purpose.kind === kind))
    .map(([, purpose, ...cells]) => {
      const [read, write, deletes] = cells.map((cell) =>
        cell!
          .replace(/\(.*?\)/g, '')
          .split(',')
          .flatMap((word) => words[word.trim()] ?? unknown(word)),
      );
      return { purpose: purpose!, may: { read: read!, list: read!, write: write!, delete: deletes! } };
    });
}
function unknown(word: string): never {
  throw new Error(`the page says “${word.trim()}”, which the test does not know`);
}

interface Place {
  name: string;
  bucket: string;
  key: string;
  /** What must be there for a list to show it. */
  listPrefix: string;
}
/** Own places first, then all that is somebody else's or nobody's. */
function places(): Place[] {
  const { tenantId, gatewayId } = gateway;
  const below = (name: string, prefix: string, rest = 'packs/s1/p', of = bucket): Place => ({
    name,
    bucket: of,
    key: `${prefix}${rest}`,
    listPrefix: prefix,
  });
  const own = `${tenantId}/${gatewayId}/v1/`;
  const bundles = (of: string): string => `${diagnosticsFolder}/${of}/`;
  const ownBundles = bundles(`${tenantId}/${gatewayId}`);
  return [
    ...Object.entries(ofVolume).map(([name, rest]) => below(name, own, rest)),
    // `..` is no step but three letters of a key below the prefix.
    below('a way out of the volume', own, '../v2/packs/s1/p'),
    below('bundle', ownBundles, bundleName('c1')),
    below('a way out of the bundles', ownBundles, `../${gatewayId}0/${bundleName('c1')}`),
    below('a bundle of another gateway', bundles(`${tenantId}/${gatewayId}0`), bundleName('c1')),
    below('another tenant’s bundle', bundles(`other/${gatewayId}`), bundleName('c1')),
    below(
      'a bundle of a tenant whose name begins like this one’s',
      bundles(`${tenantId}0/${gatewayId}`),
      bundleName('c1'),
    ),
    below('what lies beside all bundles', `${diagnosticsFolder}/`, 'x'),
    below('another volume', `${tenantId}/${gatewayId}/v2/`),
    below('a volume whose name begins with this one’s', `${tenantId}/${gatewayId}/v10/`),
    below('a volume of another gateway', `${tenantId}/${gatewayId}0/v1/`),
    below('another tenant’s volume', `other/${gatewayId}/v1/`),
    below('a tenant whose name begins with this one’s', `${tenantId}0/${gatewayId}/v1/`),
    below('the gateway itself', `${tenantId}/${gatewayId}/`, 'x'),
    below('the tenant', `${tenantId}/`, 'x'),
    below('the whole bucket', '', 'x'),
    below('what needs no control plane', 'standalone/'),
    below('an upper-case twin', own.toUpperCase()),
  ];
}
const placeOf = (name: string): Place => places().find((place) => place.name === name)!;

const seed = async ({ bucket: Bucket, key: Key }: Place): Promise<void> => {
  await root.send(new PutObjectCommand({ Bucket, Key, Body: 'seed' }));
};
/** Every action on a place that S3 knows here, by the right that it takes. */
type Action = (client: S3Client, place: Place, scratch: Scratch) => Promise<unknown>;
/** Where the session may write and what it may read, so that a copy fails for the other end alone. */
interface Scratch {
  readable: string | undefined;
  writable: string | undefined;
  uploadId: string;
}
const actions: Record<Right, Record<string, Action>> = {
  read: {
    GetObject: (client, { bucket: Bucket, key: Key }) => client.send(new GetObjectCommand({ Bucket, Key })),
    HeadObject: (client, { bucket: Bucket, key: Key }) => client.send(new HeadObjectCommand({ Bucket, Key })),
    'a range of it': (client, { bucket: Bucket, key: Key }) =>
      client.send(new GetObjectCommand({ Bucket, Key, Range: 'bytes=0-1' })),
    'CopyObject from it': async (client, { bucket: Bucket, key }, { writable }) =>
      writable === undefined
        ? client.send(new GetObjectCommand({ Bucket, Key: key }))
        : client.send(
            new CopyObjectCommand({
              Bucket,
              Key: writable,
              CopySource: `${Bucket}/${encodeURIComponent(key)}`,
            }),
          ),
  },
  list: {
    ListObjectsV2: (client, { bucket: Bucket, listPrefix: Prefix }) =>
      client.send(new ListObjectsV2Command({ Bucket, Prefix })),
    ListObjects: (client, { bucket: Bucket, listPrefix: Prefix }) =>
      client.send(new ListObjectsCommand({ Bucket, Prefix })),
    'ListObjectsV2 of its folders': (client, { bucket: Bucket, listPrefix: Prefix }) =>
      client.send(new ListObjectsV2Command({ Bucket, Prefix, Delimiter: '/' })),
  },
  write: {
    PutObject: (client, { bucket: Bucket, key: Key }) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' })),
    'CopyObject to it': (client, { bucket: Bucket, key: Key }, { readable }) =>
      readable === undefined
        ? client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))
        : client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${readable}` })),
    CreateMultipartUpload: (client, { bucket: Bucket, key: Key }) =>
      client.send(new CreateMultipartUploadCommand({ Bucket, Key })),
    UploadPart: (client, { bucket: Bucket, key: Key }, { uploadId: UploadId }) =>
      client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'x' })),
    CompleteMultipartUpload: (client, { bucket: Bucket, key: Key }, { uploadId: UploadId }) =>
      client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId,
          MultipartUpload: { Parts: [{ PartNumber: 1, ETag: '"x"' }] },
        }),
      ),
  },
  delete: {
    DeleteObject: (client, { bucket: Bucket, key: Key }) =>
      client.send(new DeleteObjectCommand({ Bucket, Key })),
    'DeleteObjects, of two': (client, { bucket: Bucket, key: Key }) =>
      client.send(
        new DeleteObjectsCommand({
          Bucket,
          Delete: { Objects: [{ Key }, { Key: `${Key}-2` }], Quiet: true },
        }),
      ),
  },
};
/** What no session may do, not in its own places either. */
const nobodys: Record<string, Action> = {
  AbortMultipartUpload: (client, { bucket: Bucket, key: Key }, { uploadId: UploadId }) =>
    client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })),
  GetObjectAttributes: (client, { bucket: Bucket, key: Key }) =>
    client.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ['ObjectSize'] })),
  'HeadBucket, which is a list of everything': (client, { bucket: Bucket }) =>
    client.send(new HeadBucketCommand({ Bucket })),
  'ListObjectsV2 without a prefix': (client, { bucket: Bucket }) =>
    client.send(new ListObjectsV2Command({ Bucket })),
  'ListObjectsV2 of all that begins like the volume': (client, { bucket: Bucket, listPrefix }) =>
    client.send(new ListObjectsV2Command({ Bucket, Prefix: listPrefix.slice(0, -1) })),
};

/** Allowed is what gets as far as S3 itself, whatever S3 then says of it. */
async function isAllowed(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (thrown) {
    const { name, $metadata } = thrown as { name: string; $metadata?: { httpStatusCode?: number } };
    if (name === 'AccessDenied' || $metadata?.httpStatusCode === 403) return false;
    if (name === 'NoSuchUpload' || name === 'InvalidPart') return true;
    throw thrown;
  }
}

async function session(purpose: CredentialPurpose): Promise<S3Client> {
  connection.send('creds.get', { requestId: 'r', purpose });
  const { credentials } = (await connection.next('creds')).body;
  if (!credentials) throw new Error('no credentials');
  return clientOf(credentials);
}

it('has a row on the page for every purpose', () => {
  expect(pageRows().map(({ purpose }) => purpose)).toEqual(purposes.map(({ kind }) => kind));
});

describe.each(purposes)('a session for $kind', (purpose) => {
  let client: S3Client;
  let scratch: Scratch;
  let may: Row['may'];
  beforeAll(async () => {
    client = await session(purpose);
    may = pageRows().find(({ purpose: kind }) => kind === purpose.kind)!.may;
    const [readable, writable] = [may.read[0], may.write[0]];
    scratch = {
      readable: readable && placeOf(readable).key,
      writable: writable && `${placeOf(writable).key}-copy`,
      uploadId: 'none',
    };
  });
  afterAll(() => client?.destroy());

  it.each(Object.keys(actions) as Right[])('may %s what the page says, and nothing else', async (right) => {
    for (const place of places()) {
      const allowed = may[right].includes(place.name);
      for (const [name, act] of Object.entries(actions[right])) {
        if (scratch.readable) await seed({ ...place, key: scratch.readable });
        await seed(place);
        const of = { place: place.name, action: name };
        expect({ ...of, allowed: await isAllowed(act(client, place, scratch)) }).toEqual({ ...of, allowed });
      }
    }
  });

  it.each(Object.entries(nobodys))('may not %s', async (_, act) => {
    for (const place of places()) {
      await seed(place);
      expect({ place: place.name, allowed: await isAllowed(act(client, place, scratch)) }).toEqual({
        place: place.name,
        allowed: false,
      });
    }
  });

  it('changes nothing in a place that is not its own, by one request for both', async () => {
    const [own, foreign] = [placeOf(may.delete[0] ?? may.write[0]!), placeOf('another volume')];
    await Promise.all([seed(own), seed(foreign)]);
    const Delete = { Objects: [{ Key: own.key }, { Key: foreign.key }] };
    await expect(client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete }))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
    for (const { key: Key } of [own, foreign])
      await expect(root.send(new HeadObjectCommand({ Bucket: bucket, Key }))).resolves.toBeDefined();
  });

  it('is good for its bucket alone', async () => {
    const other = { Bucket: `${bucket}x`, Key: placeOf(may.write[0]!).key };
    const asks = [
      () => client.send(new GetObjectCommand(other)),
      () => client.send(new PutObjectCommand({ ...other, Body: 'x' })),
    ];
    for (const ask of asks)
      await expect(ask()).rejects.toMatchObject({
        name: expect.stringMatching(/AccessDenied|NoSuchBucket/) as string,
      });
  });
});
