import { adminApi } from '../../cli/admin-connection.ts';
import { createApiClient } from '../../cli/api-client.ts';
import { answerOne } from './answer-one.ts';

/** `ENDPOINT TOKEN STATE_DIR`: answers one alert and ends. Started under strace, which kills it at a system call. */
const [endpoint = '', token = '', stateDir = ''] = process.argv.slice(2);
const context = { endpoint, cells: {}, region: 'r', tenantId: 'acme' };
const api = adminApi(createApiClient({ ...context, identity: { kind: 'tenant', token } }));
await answerOne(api, stateDir);
