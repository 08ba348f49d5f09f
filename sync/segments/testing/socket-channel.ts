import { once } from 'node:events';
import type { Socket } from 'node:net';
import { SEGMENT_FRAME_BYTES_MAX } from '../frames.ts';
import type { FrameChannel } from '../ports.ts';

/** Frames over a socket, each behind its length (u32, big endian). */
export function createSocketChannel(socket: Socket): FrameChannel {
  socket.on('error', () => undefined);
  async function* read(): AsyncGenerator<Uint8Array> {
    let pending: Buffer = Buffer.alloc(0);
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        while (pending.length >= 4) {
          const length = pending.readUInt32BE();
          if (length > SEGMENT_FRAME_BYTES_MAX) return;
          if (pending.length < 4 + length) break;
          yield Uint8Array.from(pending.subarray(4, 4 + length));
          pending = pending.subarray(4 + length);
        }
      }
    } catch {
      // The other side is gone: the frames end.
    }
  }
  return {
    async send(frame) {
      if (socket.destroyed) throw new Error('The socket is closed.');
      const head = Buffer.alloc(4);
      head.writeUInt32BE(frame.length);
      if (socket.write(Buffer.concat([head, frame]))) return;
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    },
    frames: read(),
    close: () => socket.destroy(),
  };
}
