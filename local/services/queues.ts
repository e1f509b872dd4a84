import type { Region } from '../region.ts';
import type { MessageStores } from './fauxqs.ts';
import { replay } from './front.ts';
import { jsonBody, ServiceError, targetOperation, text, type Service } from './service.ts';

/** Operation → the action that IAM knows it by. */
const queueActions: Record<string, string> = {
  SendMessage: 'SendMessage',
  SendMessageBatch: 'SendMessage',
  ReceiveMessage: 'ReceiveMessage',
  DeleteMessage: 'DeleteMessage',
  DeleteMessageBatch: 'DeleteMessage',
  ChangeMessageVisibility: 'ChangeMessageVisibility',
  ChangeMessageVisibilityBatch: 'ChangeMessageVisibility',
  GetQueueUrl: 'GetQueueUrl',
  GetQueueAttributes: 'GetQueueAttributes',
  PurgeQueue: 'PurgeQueue',
  // Customers bring queues of their own; those live where the region's other things live.
  CreateQueue: 'CreateQueue',
  DeleteQueue: 'DeleteQueue',
  SetQueueAttributes: 'SetQueueAttributes',
  ListQueues: 'ListQueues',
};

export function sqsService(region: Region, stores: MessageStores): Service {
  return {
    signingName: 'sqs',
    protocol: 'json',
    errorPrefix: 'com.amazonaws.sqs#',
    parse: (request) => {
      const operation = targetOperation(request);
      const action = queueActions[operation];
      if (!action) throw new ServiceError('InvalidAction', `the local mode has no sqs:${operation}`);
      const body = jsonBody(request);
      const name = text(body.QueueName) || (text(body.QueueUrl).split('/').at(-1) ?? '');
      const resource = region.arn('sqs', name);
      return {
        owner: region.ownerOf('AWS::SQS::Queue', name) ?? region.hostStack,
        questions: [
          { action: `sqs:${action}`, resource, resourcePolicy: region.resourcePolicies.get(resource) },
        ],
        serve: (response) => replay(request, response, stores.server),
      };
    },
  };
}

export function snsService(region: Region, stores: MessageStores): Service {
  const actions: Record<string, string> = { Publish: 'Publish', PublishBatch: 'Publish' };
  return {
    signingName: 'sns',
    protocol: 'query',
    parse: (request) => {
      const form = new URLSearchParams(request.body.toString('utf8'));
      const operation = form.get('Action') ?? '';
      const action = actions[operation];
      if (!action) throw new ServiceError('InvalidAction', `the local mode has no sns:${operation}`);
      const resource = form.get('TopicArn') ?? '';
      return {
        owner: region.ownerOf('AWS::SNS::Topic', resource.split(':').at(-1) ?? ''),
        questions: [
          { action: `sns:${action}`, resource, resourcePolicy: region.resourcePolicies.get(resource) },
        ],
        serve: (response) => replay(request, response, stores.server),
      };
    },
  };
}
