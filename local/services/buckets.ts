import type { Region } from '../region.ts';
import type { MessageStores } from './fauxqs.ts';
import { replay } from './front.ts';
import { readS3Request } from './s3-request.ts';
import { ServiceError, type Service } from './service.ts';

export function s3Service(region: Region, stores: MessageStores): Service {
  return {
    signingName: 's3',
    protocol: 's3',
    parse: (request) => {
      const { bucket, questions, canonical } = readS3Request(request);
      const owner = region.ownerOf('AWS::S3::Bucket', bucket);
      if (!owner) throw new ServiceError('NoSuchBucket', 'The specified bucket does not exist', 404);
      return {
        owner,
        questions: questions.map((question) => ({
          ...question,
          resourcePolicy: region.resourcePolicies.get(bucketOf(question.resource)),
        })),
        serve: (response) => replay({ ...request, ...canonical }, response, stores.server),
      };
    },
  };
}

/** `arn:aws:s3:::bucket/key` → `arn:aws:s3:::bucket` */
function bucketOf(resource: string): string {
  return resource.split('/', 1)[0] ?? resource;
}
