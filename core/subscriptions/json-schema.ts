import { z } from 'zod';
import { subscriptionMessageSchema, subscriptionMessageVersion } from '../alert-event.ts';

/** Of the messages to subscribers, for those who check what comes. It lets through fields that it does not know. */
export const messageJsonSchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: `Holdfast: messages to a subscriber, version ${subscriptionMessageVersion}`,
  ...z.toJSONSchema(subscriptionMessageSchema, { io: 'input' }),
});

export const messageJsonSchemaText = (): string => `${JSON.stringify(messageJsonSchema(), null, 2)}\n`;
