/** What access needs from outside: an agreement on secrets and a cipher. */

/** A secret X25519 key that can be used but not read. */
export interface AgreementKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The 32 bytes that both sides can compute; undefined for a key of small order, with which these are zeros. */
  agree(publicKey: Uint8Array): Uint8Array | undefined;
}

export interface X25519 {
  /** The pair of 32 secret bytes (RFC 7748). */
  keyFromSecret(secret: Uint8Array): AgreementKey;
}

/** ChaCha20-Poly1305 (RFC 8439) under a key of 32 bytes that seals one message: the nonce is zero. */
export interface OneTimeCipher {
  /** The ciphertext and behind it the tag of 16 bytes. */
  seal(key: Uint8Array, plain: Uint8Array, additional: Uint8Array): Uint8Array;
  /** Undefined when the tag does not fit the key, the ciphertext and the additional data. */
  open(key: Uint8Array, sealed: Uint8Array, additional: Uint8Array): Uint8Array | undefined;
}
