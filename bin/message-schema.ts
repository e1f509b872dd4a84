import { messageJsonSchemaText } from '../core/subscriptions/json-schema.ts';

process.stdout.write(messageJsonSchemaText());
