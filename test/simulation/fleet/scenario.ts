import { z } from 'zod';
import { HoldfastError } from '../../../core/errors.ts';
import { plainIssues } from '../../../core/plain-issues.ts';
import { crossFaults } from './scenario-checks.ts';

/**
 * What a scenario file may say; docs/fleet-simulator.md explains each field. Hours count from the end of the warm-up,
 * probabilities are per gateway and window.
 */
const name = z.string().regex(/^[A-Za-z][\w.-]{0,63}$/, 'a letter, then up to 63 letters, digits, _ . -');
const text = z.string().min(1).max(64);
const probability = z.number().min(0).max(1);
const hour = z.number().min(0).max(720);
const conditionNames = z.array(name).min(1).max(8);

const sizes = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('pareto'), shape: z.number().min(0.5).max(10), max: z.int().min(1) }),
  z.strictObject({ kind: z.literal('fixed'), gateways: z.int().min(1) }),
  /** Size → weight. */
  z.strictObject({
    kind: z.literal('listed'),
    weights: z.record(z.string().regex(/^[1-9]\d{0,5}$/, 'a number of gateways'), z.number().positive()),
  }),
]);

const attribute = z.strictObject({
  name,
  /** A number is a weight; `{ share }` is a share of all draws, and the weights divide what is left. */
  values: z
    .record(text, z.union([z.number().positive(), z.strictObject({ share: z.number().gt(0).max(1) })]))
    .optional(),
  /** `count` values named after the attribute, the k-th with weight 1/k^skew. */
  generated: z.strictObject({ count: z.int().min(1).max(2_000), skew: z.number().min(0).max(5) }).optional(),
  /** How often a site takes the value of its customer, and a gateway that of its site, instead of drawing. */
  ofCustomer: probability.default(0.9),
  ofSite: probability.default(1),
  follows: z.strictObject({ attribute: name, strength: probability }).optional(),
  /** Who has a value at all. */
  carriedShare: probability.default(1),
});

const condition = z.strictObject({
  name,
  basePerWindow: z.number().min(0).max(0.5),
  clearsAfterWindows: z.int().min(1).max(10_000).default(1),
  /** Nothing is heard of the gateway for as long as it holds. */
  isSilent: z.boolean().default(false),
});

const hardware = z.strictObject({
  disksPerGateway: z.int().min(1).max(200).default(12),
  /** Of all disks of an ordinary model, with and without a sign before it. */
  diskAnnualFailureRate: probability.default(0.016),
  scanErrorAnnualRate: probability.default(0.02),
  failureOddsAfterScanError: z.number().min(1).max(1_000).default(39),
  scanErrorDays: z.number().min(1).max(365).default(60),
  dimmsPerGateway: z.int().min(1).max(64).default(8),
  dimmAnnualErrorRate: probability.default(0.08),
  /** Value of `modelAttribute` → how many times the ordinary failure rate. */
  modelAttribute: name.optional(),
  modelFactors: z.record(text, z.number().min(0).max(100)).default({}),
});

const chronic = z.strictObject({
  attribute: name,
  value: text,
  conditions: conditionNames,
  factor: z.number().min(0).max(1_000),
});

const outage = z.strictObject({
  /** `site`, `customer`, or an attribute: what is lost together. */
  domain: name,
  perYear: z.number().min(0).max(10_000),
  minutes: z.number().min(1).max(10_080),
  share: probability.default(1),
  conditions: conditionNames,
});

const burst = z.strictObject({
  startHour: hour,
  endHour: hour,
  added: probability,
  conditions: conditionNames,
});

const fault = z.strictObject({
  id: name,
  startHour: hour,
  endHour: hour,
  /** One value or a pair. Without `value` the seed draws one that enough customers carry. */
  cause: z
    .array(z.strictObject({ attribute: name, value: text.optional() }))
    .min(1)
    .max(2),
  added: probability,
  conditions: conditionNames,
});

export const scenarioSchema = z.strictObject({
  description: z.string().max(1_000).optional(),
  windowMinutes: z.int().min(1).max(1_440).default(15),
  warmUpHours: hour.default(24),
  hours: z.number().min(1).max(8_784).default(24),
  customers: z
    .strictObject({
      sizes,
      gatewaysPerSite: z.number().min(1).max(10_000).default(3),
      /** σ of the lognormal factor (mean 1) by which customers differ in their base rates. */
      frailty: z.number().min(0).max(3).default(0.5),
    })
    .prefault({ sizes: { kind: 'pareto', shape: 1.2, max: 2_000 } }),
  attributes: z.array(attribute).min(1).max(32),
  staleShare: probability.default(0.01),
  conditions: z.array(condition).min(1).max(32),
  hardware: hardware.optional(),
  chronic: z.array(chronic).max(100).default([]),
  outages: z.array(outage).max(32).default([]),
  bursts: z.array(burst).max(100).default([]),
  faults: z.array(fault).max(200).default([]),
});

export type Scenario = z.output<typeof scenarioSchema>;
export type ScenarioText = z.input<typeof scenarioSchema>;
export type AttributeText = Scenario['attributes'][number];

/** The scenario that `json` describes. Throws INVALID_INPUT that names the field. */
export function parseScenario(json: unknown, from: string): Scenario {
  const refuse = (what: string) =>
    new HoldfastError('INVALID_INPUT', `${from}: ${what}`, { hint: 'see docs/fleet-simulator.md' });
  const parsed = scenarioSchema.safeParse(json);
  if (!parsed.success) throw refuse(plainIssues(parsed.error, json, 'the scenario'));
  const [fault] = crossFaults(parsed.data);
  if (fault) throw refuse(fault);
  return parsed.data;
}
