/** Spaces for tests: operations as the logs would give them, without signatures, which are checked before. */
import { concatBytes, toHex, toUtf8 } from '#core/kernel/index.ts';
import { type Blake3, encodeArray, encodeByteString, encodeText, encodeUnsigned } from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { nodeX25519 } from '../adapters/node-x25519.ts';
import {
  type ControlOperation,
  encodeGrantRecord,
  encodeRecoverRecord,
  encodeRecoveryStatement,
  encodeRekeyRecord,
  encodeRevokeRecord,
  encodeShareKeyRecord,
  encodeSpaceRecord,
  GRANT_SCHEMA,
  type Level,
  RECOVER_SCHEMA,
  type Recovery,
  REKEY_SCHEMA,
  resolveAccess,
  REVOKE_SCHEMA,
  SEALED_KEY_BYTES,
  SHARE_KEY_SCHEMA,
  signRecovery,
  SPACE_SCHEMA,
} from '../index.ts';

export const deps = { blake3, ed25519 };

export const recoveryKeys = [1, 2, 3].map((fill) => ed25519.keyFromSeed(new Uint8Array(32).fill(fill)));
/** Two of three keys. */
export const RECOVERY: Recovery = { threshold: 2, keys: recoveryKeys.map(({ publicKey }) => publicKey) };

export interface Device {
  readonly name: string;
  readonly id: Uint8Array;
  readonly logId: Uint8Array;
  readonly encryptionKey: Uint8Array;
}

/** A device that exists by its name alone. */
export function deviceOf(name: string): Device {
  const id = blake3(toUtf8(`device ${name}`));
  const { publicKey } = nodeX25519.keyFromSecret(blake3(toUtf8(`agreement ${name}`)));
  return { name, id, logId: blake3(toUtf8(`log ${name}`)), encryptionKey: publicKey };
}

const idOf = (hash: Blake3, operation: Omit<ControlOperation, 'id'>): Uint8Array =>
  hash(
    encodeArray([
      encodeByteString(operation.author),
      encodeByteString(operation.logId),
      encodeUnsigned(operation.seq),
      encodeArray(operation.backlink ? [encodeByteString(operation.backlink)] : []),
      encodeArray(operation.dependencies.map(encodeByteString)),
      encodeText(operation.schema),
      encodeByteString(operation.content),
    ]),
  );

/** The logs of a space as they grow. */
export class SpaceBuilder {
  readonly operations: ControlOperation[] = [];
  readonly #tips = new Map<string, ControlOperation>();
  #genesis: ControlOperation | undefined;

  get genesisId(): Uint8Array {
    return this.#genesis!.id;
  }

  /** Adds the author's next operation; by default it builds on nothing but the author's own. */
  say(author: Device, schema: string, content: Uint8Array, seen: readonly ControlOperation[] = []): ControlOperation {
    const tip = this.#tips.get(author.name);
    const said = {
      author: author.id,
      logId: author.logId,
      seq: tip ? tip.seq + 1 : 0,
      backlink: tip?.id,
      dependencies: seen.map(({ id }) => id),
      schema,
      content,
    };
    const operation = { ...said, id: idOf(blake3, said) };
    this.operations.push(operation);
    this.#tips.set(author.name, operation);
    return operation;
  }

  found(founder: Device, recovery?: Recovery): ControlOperation {
    const { name: deviceName, encryptionKey } = founder;
    const random = new Uint8Array(32).fill(7);
    const record = { name: 'Seed library', deviceName, encryptionKey, random, recovery };
    return (this.#genesis = this.say(founder, SPACE_SCHEMA, encodeSpaceRecord(record)));
  }

  grant(author: Device, to: Device, level: Level, seen: readonly ControlOperation[] = []): ControlOperation {
    const record = { device: to.id, level, encryptionKey: to.encryptionKey, name: to.name };
    return this.say(author, GRANT_SCHEMA, encodeGrantRecord(record), seen);
  }

  /** The frontier keeps the operations up to `last`, or none. */
  revoke(
    author: Device,
    device: Device,
    last: ControlOperation | undefined,
    seen: readonly ControlOperation[] = [],
  ): ControlOperation {
    const frontier = last ? [{ logId: last.logId, seq: last.seq, operationId: last.id }] : [];
    return this.say(author, REVOKE_SCHEMA, encodeRevokeRecord({ device: device.id, frontier }), seen);
  }

  rekey(
    author: Device,
    to: readonly Device[],
    previous?: { readonly epoch: ControlOperation; readonly isWithheld?: boolean },
    seen: readonly ControlOperation[] = [],
  ): ControlOperation {
    const sealed = previous?.isWithheld ? undefined : new Uint8Array(48).fill(2);
    const record = {
      check: blake3(concatBytes([author.id, Uint8Array.of(this.operations.length & 255)])),
      recipients: to.map(({ id }) => ({ device: id, sealed: new Uint8Array(SEALED_KEY_BYTES).fill(1) })),
      previous: previous && { keyId: previous.epoch.id, sealed },
    };
    return this.say(author, REKEY_SCHEMA, encodeRekeyRecord(record), seen);
  }

  share(
    author: Device,
    epoch: ControlOperation,
    to: readonly Device[],
    seen: readonly ControlOperation[] = [],
  ): ControlOperation {
    const recipients = to.map(({ id }) => ({ device: id, sealed: new Uint8Array(SEALED_KEY_BYTES).fill(3) }));
    return this.say(author, SHARE_KEY_SCHEMA, encodeShareKeyRecord({ keyId: epoch.id, recipients }), seen);
  }

  /** `author` carries what two of the keys of {@link RECOVERY} signed about what was seen. */
  recover(author: Device, managers: readonly Device[], heads: readonly ControlOperation[]): ControlOperation {
    const statement = encodeRecoveryStatement({
      managers: managers.map(({ id, encryptionKey, name }) => ({ device: id, encryptionKey, name })),
      heads: heads.map(({ id }) => id),
    });
    const signatures = recoveryKeys.slice(0, 2).map((key) => signRecovery(key, this.genesisId, statement));
    return this.say(author, RECOVER_SCHEMA, encodeRecoverRecord({ statement, signatures }), heads);
  }

  resolve(operations: Iterable<ControlOperation> = this.operations) {
    return resolveAccess(deps, this.genesisId, operations);
  }
}

export const hexOf = ({ id }: { readonly id: Uint8Array }): string => toHex(id);
