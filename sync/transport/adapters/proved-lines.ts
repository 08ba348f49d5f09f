import { createHash } from 'node:crypto';
import type {
  Connection,
  ConnectionEncrypter,
  ConnectionProtector,
  MessageStream,
  StreamMuxerFactory,
} from '@libp2p/interface';

/** What the transport knows of a line beside libp2p. */
export interface LineFacts {
  /** The hash of the three messages of the Noise handshake: equal on both ends, and on no two lines. */
  readonly secret: Uint8Array;
  /** When something came over the line the last time. */
  heardAt: number;
}

type Bytes = Parameters<MessageStream['send']>[0];
type Secure = ConnectionEncrypter['secureInbound'];

/**
 * Looks on while lines are built up. Noise does not tell its handshake hash, but that hash covers nothing except fixed
 * names and the three messages as they go over the wire; the hash of these bytes binds as much. It includes a fresh key of
 * each side, so that whoever stands in between has two lines with two hashes.
 */
export class ProvedLines {
  readonly #now: () => number;
  /** A line and its connection share one object only: their timeline. */
  readonly #facts = new WeakMap<object, LineFacts>();
  readonly #bySecured = new WeakMap<object, LineFacts>();
  readonly #timelines = new WeakMap<object, object>();

  constructor(now: () => number) {
    this.#now = now;
  }

  of(connection: Connection): LineFacts | undefined {
    return this.#facts.get(connection.timeline);
  }

  /** The protector of a private network, which puts another object in the place of the line. */
  watchProtector(protector: ConnectionProtector): ConnectionProtector {
    return {
      protect: async (line, options) => {
        const guarded = await protector.protect(line, options);
        this.#timelines.set(guarded, line.timeline);
        return guarded;
      },
    };
  }

  watchEncrypter(noise: ConnectionEncrypter): ConnectionEncrypter {
    const secure =
      (isDialer: boolean, inner: Secure): Secure =>
      async (line, options) => {
        const transcript = recordHandshake(line);
        try {
          const secured = await inner(line, options);
          const facts = { secret: transcript.hash(isDialer), heardAt: this.#now() };
          this.#facts.set(this.#timelines.get(line) ?? line.timeline, facts);
          this.#bySecured.set(secured.connection, facts);
          return secured;
        } finally {
          transcript.stop();
        }
      };
    return {
      protocol: noise.protocol,
      secureInbound: secure(false, (line, options) => noise.secureInbound(line, options)),
      secureOutbound: secure(true, (line, options) => noise.secureOutbound(line, options)),
    };
  }

  watchMuxer(yamux: StreamMuxerFactory): StreamMuxerFactory {
    return {
      protocol: yamux.protocol,
      createStreamMuxer: (secured) => {
        const muxer = yamux.createStreamMuxer(secured);
        const facts = this.#bySecured.get(secured);
        // After the muxer, which listens from now on: bytes that come to this listener alone would be lost.
        if (facts) secured.addEventListener('message', () => (facts.heardAt = this.#now()));
        return muxer;
      },
    };
  }
}

/** Records the bytes of both directions until it is stopped. Noise begins to listen in the same turn as this does. */
function recordHandshake(line: MessageStream): { hash(isDialer: boolean): Uint8Array; stop(): void } {
  const sent: Uint8Array[] = [];
  const received: Uint8Array[] = [];
  const onMessage = ({ data }: { readonly data: Bytes }) => received.push(data.slice());
  const send = line.send;
  line.addEventListener('message', onMessage);
  line.send = (data) => {
    sent.push(data.slice());
    return send.call(line, data);
  };
  return {
    hash(isDialer) {
      const [dialer, taker] = isDialer ? [sent, received] : [received, sent];
      const [first, third] = noiseMessages(Buffer.concat(dialer), 2);
      const [second] = noiseMessages(Buffer.concat(taker), 1);
      const hash = createHash('sha256');
      for (const message of [first!, second!, third!]) hash.update(message);
      return Uint8Array.from(hash.digest());
    },
    stop() {
      line.send = send;
      line.removeEventListener('message', onMessage);
    },
  };
}

/** The first messages of a side, each with its length (u16, big endian). Throws when they are not there. */
function noiseMessages(bytes: Buffer, count: number): Buffer[] {
  const messages: Buffer[] = [];
  for (let start = 0; messages.length < count;) {
    const end = start + 2 + bytes.readUInt16BE(start);
    if (end > bytes.length) throw new Error('The handshake was not seen whole.');
    messages.push(bytes.subarray(start, end));
    start = end;
  }
  return messages;
}
