import type { FrameChannel } from '../ports.ts';

/** What happens to a frame on its way: it arrives, it arrives changed, or it does not. */
export type OnTheWay = (frame: Uint8Array) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

const passOn: OnTheWay = (frame) => frame;

/**
 * Two ends of a channel in memory. A sender waits while so many frames are not taken yet; each frame is a copy, as over a
 * network.
 */
export function createMemoryChannel(
  { toServer = passOn, toRequester = passOn }: { toServer?: OnTheWay; toRequester?: OnTheWay } = {},
  room = 4,
): { requester: FrameChannel; server: FrameChannel } {
  const closed = Promise.withResolvers<void>();
  let isClosed = false;
  const close = () => {
    isClosed = true;
    closed.resolve();
  };

  function direction(onTheWay: OnTheWay) {
    const frames: Uint8Array[] = [];
    let arrived = Promise.withResolvers<void>();
    let taken = Promise.withResolvers<void>();
    return {
      async send(frame: Uint8Array): Promise<void> {
        const passed = await onTheWay(frame.slice());
        while (frames.length >= room && !isClosed) await Promise.race([taken.promise, closed.promise]);
        if (isClosed) throw new Error('The channel is closed.');
        if (!passed) return;
        frames.push(passed);
        arrived.resolve();
      },
      async *frames(): AsyncGenerator<Uint8Array> {
        for (;;) {
          const frame = frames.shift();
          if (frame) {
            taken.resolve();
            taken = Promise.withResolvers();
            yield frame;
          } else if (isClosed) {
            return;
          } else {
            arrived = Promise.withResolvers();
            await Promise.race([arrived.promise, closed.promise]);
          }
        }
      },
    };
  }

  const up = direction(toServer);
  const down = direction(toRequester);
  return {
    requester: { send: up.send, frames: down.frames(), close },
    server: { send: down.send, frames: up.frames(), close },
  };
}
