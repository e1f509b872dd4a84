/** What these gateways are set to, as a store answers: without those that are set to nothing. */
export const configured = (
  gatewayIds: readonly string[],
  of: (gatewayId: string) => unknown,
): Map<string, unknown> =>
  new Map(gatewayIds.map((id) => [id, of(id)] as const).filter(([, stored]) => stored !== undefined));
