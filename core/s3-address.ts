/** Where a bucket's objects are: below the endpoint where S3 is not AWS's own, else at the region's. No trailing slash. */
export function bucketUrl(place: { bucket: string; region: string; endpoint?: string | undefined }): URL {
  const { bucket, region, endpoint } = place;
  if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/+$/, '')}/${bucket}`);
  return new URL(`https://${bucket}.s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`);
}
