import { TLSSocket, type DetailedPeerCertificate } from 'node:tls';
import type { Duplex } from 'node:stream';

const certificatesMax = 10;

/**
 * When the first certificate ends of the chain that the other side was trusted by, its authority's among them: the
 * server's, or that of a proxy that looks into TLS. Unix ms; undefined without TLS.
 */
export function chainEndsAt(socket: Duplex): number | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const ends: number[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  for (let i = 0; certificate?.valid_to && i < certificatesMax; i++) {
    ends.push(Date.parse(certificate.valid_to));
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    certificate = issuer === certificate ? undefined : issuer;
  }
  const known = ends.filter((end) => Number.isFinite(end) && end >= 0);
  return known.length === 0 ? undefined : Math.min(...known);
}
