import { join } from 'node:path';
import { clientOutput } from './clients.ts';

/** A certificate that its key signs itself, good for two days, as PEM files in the directory. Needs openssl. */
export async function selfSignedCertificate(
  directory: string,
  host: string,
): Promise<{ certificate: string; key: string }> {
  const [certificate, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const name = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  await clientOutput('openssl', ['req', ...kind, ...name, '-keyout', key, '-out', certificate]);
  return { certificate, key };
}
