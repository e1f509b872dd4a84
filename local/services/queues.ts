import type { Region } from '../region.ts';
import type { MessageStores } from './fauxqs.ts';
import { replay } from './front.ts';
import {
  jsonBody,
  ServiceError,
  targetOperation,
  text,
  type Service,
  type ServiceRequest,
} from './service.ts';

/** Operation → the action that IAM knows it by, and what names the queue. */
const queueOperations: Record<string, { action: string; by: 'QueueUrl' | 'QueueName' | 'nothing' }> = {
  SendMessage: { action: 'SendMessage', by: 'QueueUrl' },
  SendMessageBatch: { action: 'SendMessage', by: 'QueueUrl' },
  ReceiveMessage: { action: 'ReceiveMessage', by: 'QueueUrl' },
  DeleteMessage: { action: 'DeleteMessage', by: 'QueueUrl' },
  DeleteMessageBatch: { action: 'DeleteMessage', by: 'QueueUrl' },
  ChangeMessageVisibility: { action: 'ChangeMessageVisibility', by: 'QueueUrl' },
  ChangeMessageVisibilityBatch: { action: 'ChangeMessageVisibility', by: 'QueueUrl' },
  GetQueueAttributes: { action: 'GetQueueAttributes', by: 'QueueUrl' },
  GetQueueUrl: { action: 'GetQueueUrl', by: 'QueueName' },
  PurgeQueue: { action: 'PurgeQueue', by: 'QueueUrl' },
  // Customers bring queues of their own; those live where the region's other things live.
  CreateQueue: { action: 'CreateQueue', by: 'QueueName' },
  DeleteQueue: { action: 'DeleteQueue', by: 'QueueUrl' },
  SetQueueAttributes: { action: 'SetQueueAttributes', by: 'QueueUrl' },
  ListQueues: { action: 'ListQueues', by: 'nothing' },
};

export function sqsService(region: Region, stores: MessageStores): Service {
  const { accountId, servicesUrls } = region.settings;
  return {
    signingName: 'sqs',
    protocol: 'json',
    errorPrefix: 'com.amazonaws.sqs#',
    parse: (request) => {
      const operation = queueOperations[targetOperation(request)];
      if (!operation)
        throw new ServiceError('InvalidAction', `the local mode has no sqs:${targetOperation(request)}`);
      const body = jsonBody(request);
      const name = operation.by === 'QueueUrl' ? queueNameOf(text(body.QueueUrl)) : text(body.QueueName);
      const resource = region.arn('sqs', name);
      const owner = region.ownerOf('AWS::SQS::Queue', name) ?? region.hostStack;
      const known = {
        ...body,
        ...(operation.by === 'QueueUrl' ? { QueueUrl: `http://queue/${accountId}/${name}` } : {}),
      };
      const { host } = new URL(servicesUrls[owner] ?? 'http://local');
      return {
        owner,
        questions: [
          {
            action: `sqs:${operation.action}`,
            resource,
            resourcePolicy: region.resourcePolicies.get(resource),
          },
        ],
        serve: (response) =>
          replay(
            rewritten(request, 'application/x-amz-json-1.0', JSON.stringify(known), {
              host,
              'x-amz-target': `AmazonSQS.${targetOperation(request)}`,
            }),
            response,
            stores.server,
          ),
      };
    },
  };
}

export function snsService(region: Region, stores: MessageStores): Service {
  // Customers bring topics of their own; those live where their queues do.
  const actions: Record<string, string> = {
    Publish: 'Publish',
    PublishBatch: 'Publish',
    CreateTopic: 'CreateTopic',
    Subscribe: 'Subscribe',
  };
  return {
    signingName: 'sns',
    protocol: 'query',
    parse: (request) => {
      const form = new URLSearchParams(request.body.toString('utf8'));
      if (new Set(form.keys()).size !== form.size)
        throw new ServiceError('InvalidParameter', 'a parameter is given twice');
      const operation = form.get('Action') ?? '';
      const action = actions[operation];
      if (!action) throw new ServiceError('InvalidAction', `the local mode has no sns:${operation}`);
      const resource = form.get('TopicArn') ?? region.arn('sns', form.get('Name') ?? '');
      const canonical = rewritten(request, 'application/x-www-form-urlencoded', form.toString());
      return {
        owner: region.ownerOf('AWS::SNS::Topic', resource.split(':').at(-1) ?? '') ?? region.hostStack,
        questions: [
          { action: `sns:${action}`, resource, resourcePolicy: region.resourcePolicies.get(resource) },
        ],
        serve: (response) => replay(canonical, response, stores.server),
      };
    },
  };
}

/** The last segment of a queue's URL, whatever its host: clients keep URLs for longer than ports. */
function queueNameOf(url: string): string {
  return url.split('/').filter(Boolean).at(-1) ?? '';
}

/** The request anew, in the one form that means what was authorized. */
function rewritten(
  request: ServiceRequest,
  contentType: string,
  body: string,
  headers: Record<string, string> = {},
): ServiceRequest {
  const kept = { ...request.headers, host: '127.0.0.1', ...headers, 'content-type': contentType };
  return { ...request, method: 'POST', url: '/', headers: kept, body: Buffer.from(body) };
}
