/** Randomness is injected, so that a simulation can repeat itself from a seed. */
export interface Random {
  /** Returns `byteCount` fresh bytes. */
  bytes(byteCount: number): Uint8Array;
}
