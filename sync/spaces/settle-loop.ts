/** Calls that come while `work` runs are answered by one more run. */
export interface SettleLoop {
  /** Resolves once a run has ended that began after the call. */
  settle(): Promise<void>;
  /** Resolves once nothing runs. */
  idle(): Promise<void>;
}

export function createSettleLoop(work: () => Promise<void>): SettleLoop {
  let running: Promise<void> | undefined;
  let isWanted = false;

  async function run(): Promise<void> {
    try {
      while (isWanted) {
        isWanted = false;
        await work();
      }
    } finally {
      running = undefined;
    }
  }

  return {
    settle() {
      isWanted = true;
      return (running ??= run());
    },
    async idle() {
      await running?.catch(() => undefined);
    },
  };
}
