import { createHash } from 'node:crypto';

/**
 * Secrets are shown once and stored as their SHA-256: they have 128 bits or more from a random source, so there is
 * nothing to guess and no need for a slow hash.
 */
export type RandomBytes = (count: number) => Uint8Array;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** 128 bits; the prefix tells people and secret scanners what it is. */
export const newActivationCode = (random: RandomBytes): string => `hfa_${hex(random(16))}`;
/** 256 bits: it lives for months. */
export const newToken = (random: RandomBytes): string => `hft_${hex(random(32))}`;
/** Public name of a token. */
export const newTokenId = (random: RandomBytes): string => `t-${hex(random(8))}`;
/** What a tenant must echo to show that a queue is its own. */
export const newChallenge = (random: RandomBytes): string => `hfc_${hex(random(16))}`;

/** SHA-256 in hex, the key under which a secret is found again. */
export const secretHash = (secret: string): string => createHash('sha256').update(secret).digest('hex');
