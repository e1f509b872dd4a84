/** Activation codes table: pk `codeHash` = SHA-256 hex of the code. */
export interface ActivationCodeItem {
  codeHash: string;
  tenantId: string;
  createdAt: number;
  expiresAt: number;
  createdBy: string;
  /** Fingerprint of the key that used it: the same key may repeat its request. */
  usedBy?: string;
  /** Name that the gateway gets. */
  gatewayName?: string;
  requireConfirmation?: boolean;
}
