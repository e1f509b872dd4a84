import { z } from 'zod';

const texts = z.union([z.array(z.string()), z.string().transform((text) => [text])]);
const conditionValue = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** One statement of an IAM policy, identity- or resource-based, with lists made explicit. */
export const statementSchema = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z
    .union([
      z.literal('*').transform((any) => ({ AWS: [any as string], Service: undefined })),
      z.strictObject({ AWS: texts.optional(), Service: texts.optional() }),
    ])
    .optional(),
  Action: texts.optional(),
  NotAction: texts.optional(),
  Resource: texts.optional(),
  NotResource: texts.optional(),
  Condition: z
    .record(
      z.string(),
      z.record(z.string(), z.union([z.array(conditionValue), conditionValue.transform((one) => [one])])),
    )
    .optional(),
});

export const policySchema = z.strictObject({
  Version: z.literal('2012-10-17').optional(),
  Id: z.string().optional(),
  Statement: z.union([z.array(statementSchema), statementSchema.transform((one) => [one])]),
});

export type Statement = z.infer<typeof statementSchema>;
export type PolicyDocument = z.infer<typeof policySchema>;
