import { z } from 'zod';

/** As written on a form: letters, digits and what stands in names. */
const label = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N} ._:/-]{0,63}$/u,
    'letters, digits, space and . _ : / -, at most 64 characters',
  );

/**
 * What a gateway's owner says of it that it cannot know itself. `site`: which of the owner's sites it stands at, so that
 * a power cut there is one incident. The others are what gateways of different owners may have in common.
 */
export const labelsSchema = z.strictObject({
  site: label.optional(),
  region: label.optional(),
  isp: label.optional(),
  rolloutWave: label.optional(),
});
export type GatewayLabels = z.infer<typeof labelsSchema>;
export const labelNames = labelsSchema.keyof().options;
