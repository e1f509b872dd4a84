import { GetParametersByPathCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';

describe('the synthesized template on one machine', () => {
  let cloud: TestCloud;
  beforeAll(async () => {
    cloud = await startLocalCloud();
  });
  afterAll(() => cloud.stop());

  it('boots a process for home and one for each cell', () => {
    expect(Object.keys(cloud.processIds)).toEqual(['holdfast-home', 'holdfast-cell-1', 'holdfast-cell-2']);
    expect(new Set(Object.values(cloud.processIds)).size).toBe(3);
  });

  it('publishes each cell with addresses that answer', async () => {
    const ssm = new SSMClient({
      endpoint: cloud.endpoints['holdfast-cell-1'],
      region: cloud.region,
      credentials: cloud.rootCredentials,
    });
    const { Parameters = [] } = await ssm.send(new GetParametersByPathCommand({ Path: '/holdfast/cells/' }));
    const entries = Parameters.map(({ Value }) => JSON.parse(Value ?? '') as Record<string, string>);
    expect(entries.map(({ cellId }) => cellId)).toEqual(['cell-1', 'cell-2']);
    expect(entries[0]?.['webSocketUrl']).toBe(cloud.urls['holdfast-cell-1']?.['WebSocketUrl']);
    const answer = await fetch(`${entries[1]?.['apiUrl']}/nothing-here`);
    expect(answer.status).toBe(404);
  });
});
