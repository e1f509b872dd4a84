import { HoldfastError } from '../../core/errors.ts';
import { checkSnapshotId } from '../../core/snapshot/names.ts';

/** Where a repository is; `prefix` is empty or ends with a slash. */
export interface S3Location {
  bucket: string;
  prefix: string;
}

const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const prefixPattern = /^[A-Za-z0-9!_.*'()/=@:+-]*$/;
const prefixLengthMax = 512;

/** `s3://bucket[/prefix]`. Throws INVALID_INPUT which says what is wrong with the URL. */
export function parseS3Url(url: string): S3Location {
  const refuse = (why: string): never => {
    throw new HoldfastError('INVALID_INPUT', `“${url.slice(0, 200)}” is not a snapshot location: ${why}`, {
      hint: 'write it as s3://bucket/prefix',
    });
  };
  if (!url.startsWith('s3://')) refuse('it does not start with s3://');
  const [bucket = '', ...path] = url.slice('s3://'.length).split('/');
  if (bucket === '') refuse('it names no bucket');
  if (!bucketPattern.test(bucket)) refuse(`“${bucket}” cannot be a bucket’s name`);
  while (path.at(-1) === '') path.pop();
  if (path.some((part) => part === '' || part === '.' || part === '..'))
    refuse('it has an empty path part, . or ..');
  const prefix = path.length === 0 ? '' : `${path.join('/')}/`;
  if (!prefixPattern.test(prefix)) refuse('its prefix has characters that are not safe in S3 keys');
  if (prefix.length > prefixLengthMax) refuse(`its prefix is longer than ${prefixLengthMax} characters`);
  return { bucket, prefix };
}

/** `s3://bucket[/prefix]/SNAPSHOT-ID`. */
export function parseSnapshotUrl(url: string): S3Location & { snapshotId: string } {
  const { bucket, prefix } = parseS3Url(url);
  const parts = prefix.split('/').slice(0, -1);
  const last = parts.pop();
  if (last === undefined)
    throw new HoldfastError('INVALID_INPUT', `“${url}” names no snapshot`, {
      hint: 'write it as s3://bucket/prefix/SNAPSHOT-ID',
    });
  return { bucket, prefix: parts.map((part) => `${part}/`).join(''), snapshotId: checkSnapshotId(last) };
}

export const s3Url = ({ bucket, prefix }: S3Location, key = ''): string =>
  `s3://${bucket}/${prefix}${key}`.replace(/\/$/, '');
